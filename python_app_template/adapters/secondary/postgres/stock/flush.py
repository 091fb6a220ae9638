"""Writing back what changed: one statement for each kind of change, whatever their number. Yours."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, SmallInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.domain.order import OrderLine
from python_app_template.core.domain.product import Batch, Product

LINES_AT_ONCE = 50_000
"""Lines that one statement writes. Only a change of quantity can have more, and a statement's time is limited."""

TEXTS, INTEGERS, BIG_INTEGERS = ARRAY(Text), ARRAY(Integer), ARRAY(BigInteger)

LINE = ("version", "qty", "line", "order_id", "sku", "status", "batch_ref")
"""Beside the number of the order."""

FEW_LINES = 200
"""So many lines at the most are inserted along with what else changed: COPY takes round trips of its own."""

# One statement, as each costs a round trip: of a small batch's time that is the most.
WRITE = text(
    """
    WITH updated_products AS (
        UPDATE products p SET version = n.version
        FROM unnest(:skus, :versions) AS n (sku, version) WHERE p.sku = n.sku COLLATE "C"
    ), updated_batches AS (
        UPDATE batches b SET purchased = n.purchased, allocated = n.allocated
        FROM unnest(:refs, :purchased, :allocated) AS n (ref, purchased, allocated)
        WHERE b.batch_ref = n.ref COLLATE "C"
    )
    INSERT INTO order_lines (number, version, qty, line, order_id, sku, status, batch_ref)
    SELECT * FROM unnest(
        :numbers, :line_versions, :qtys, :places, :order_ids, :line_skus, :statuses, :line_refs)
    """
).bindparams(
    bindparam("skus", type_=TEXTS),
    bindparam("versions", type_=BIG_INTEGERS),
    bindparam("refs", type_=TEXTS),
    bindparam("purchased", type_=INTEGERS),
    bindparam("allocated", type_=INTEGERS),
    bindparam("numbers", type_=BIG_INTEGERS),
    bindparam("line_versions", type_=BIG_INTEGERS),
    bindparam("qtys", type_=INTEGERS),
    bindparam("places", type_=ARRAY(SmallInteger)),
    bindparam("order_ids", type_=TEXTS),
    bindparam("line_skus", type_=TEXTS),
    bindparam("statuses", type_=TEXTS),
    bindparam("line_refs", type_=TEXTS),
)

# The array of numbers beside the join is there for the plan, as where orders are loaded.
UPDATE_LINES = text(
    """
    UPDATE order_lines l SET status = n.status, version = n.version, batch_ref = n.ref
    FROM unnest(:ids, :lines, :statuses, :versions, :refs) AS n (id, line, status, version, ref)
    JOIN orders o ON o.order_id = n.id COLLATE "C"
    WHERE l.number = o.number AND l.line = n.line
        AND l.number = ANY(ARRAY(SELECT number FROM orders WHERE order_id = ANY(:ids)))
    """
).bindparams(
    bindparam("ids", type_=TEXTS),
    bindparam("lines", type_=ARRAY(SmallInteger)),
    bindparam("statuses", type_=TEXTS),
    bindparam("versions", type_=BIG_INTEGERS),
    bindparam("refs", type_=TEXTS),
)

CANCEL_ORDERS = text("UPDATE orders SET cancelled = true, changed_at = now() WHERE order_id = ANY(:ids)").bindparams(
    bindparam("ids", type_=TEXTS)
)

DROP_PLACEHOLDERS = text("DELETE FROM products WHERE sku = ANY(:skus) AND version = 0").bindparams(
    bindparam("skus", type_=TEXTS)
)


async def write(
    connection: AsyncConnection,
    products: Sequence[Product],
    batches: Sequence[Batch],
    new_lines: Sequence[tuple[int, OrderLine]],
) -> None:
    """Update versions of products and quantities of batches, insert lines of new orders, each with its order's number.

    The schema refuses a batch with more allocated than purchased.
    """
    if len(new_lines) > FEW_LINES:
        await _copy(connection, new_lines)
        new_lines = ()
    if products or batches or new_lines:
        values = {
            "skus": [p.sku for p in products],
            "versions": [p.version for p in products],
            "refs": [b.batch_ref for b in batches],
            "purchased": [b.purchased for b in batches],
            "allocated": [b.allocated for b in batches],
            "numbers": [number for number, _ in new_lines],
            "line_versions": [line.version for _, line in new_lines],
            "qtys": [line.qty for _, line in new_lines],
            "places": [line.line for _, line in new_lines],
            "order_ids": [line.order_id for _, line in new_lines],
            "line_skus": [line.sku for _, line in new_lines],
            "statuses": [line.status for _, line in new_lines],
            "line_refs": [line.batch_ref for _, line in new_lines],
        }
        await connection.execute(WRITE, values)


async def _copy(connection: AsyncConnection, lines: Sequence[tuple[int, OrderLine]]) -> None:
    """Write lines of new orders: most of the rows by far, and COPY takes two thirds of the time of an INSERT."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    content = attrgetter(*LINE)
    records = ((number, *content(line)) for number, line in lines)
    await driver.copy_records_to_table("order_lines", columns=("number", *LINE), records=records)


async def update_lines(connection: AsyncConnection, lines: Sequence[OrderLine]) -> None:
    """Write what became of lines that were there."""
    for first in range(0, len(lines), LINES_AT_ONCE):
        some = lines[first : first + LINES_AT_ONCE]
        values = {
            "ids": [line.order_id for line in some],
            "lines": [line.line for line in some],
            "statuses": [line.status.value for line in some],
            "versions": [line.version for line in some],
            "refs": [line.batch_ref for line in some],
        }
        await connection.execute(UPDATE_LINES, values)


async def cancel_orders(connection: AsyncConnection, ids: Iterable[str]) -> None:
    """Mark them; they stay known. Raises TransientError: a purge has just forgotten one."""
    if values := sorted(ids):
        marked = await connection.execute(CANCEL_ORDERS, {"ids": values})
        if marked.rowcount < len(values):
            raise TransientError("an order that was known is forgotten", code="raced")


async def drop_placeholders(connection: AsyncConnection, skus: Iterable[str]) -> None:
    """Forget the SKUs that are still nobody's."""
    if values := sorted(skus):
        await connection.execute(DROP_PLACEHOLDERS, {"skus": values})
