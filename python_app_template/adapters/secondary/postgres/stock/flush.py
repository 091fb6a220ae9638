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

UPDATE_PRODUCTS = text(
    """
    UPDATE products p SET version = n.version
    FROM unnest(:skus, :versions) AS n (sku, version) WHERE p.sku = n.sku COLLATE "C"
    """
).bindparams(bindparam("skus", type_=TEXTS), bindparam("versions", type_=BIG_INTEGERS))

UPDATE_BATCHES = text(
    """
    UPDATE batches b SET purchased = n.purchased, allocated = n.allocated
    FROM unnest(:refs, :purchased, :allocated) AS n (ref, purchased, allocated) WHERE b.batch_ref = n.ref COLLATE "C"
    """
).bindparams(
    bindparam("refs", type_=TEXTS), bindparam("purchased", type_=INTEGERS), bindparam("allocated", type_=INTEGERS)
)

LINE = ("version", "qty", "line", "order_id", "sku", "status", "batch_ref")
"""Beside the number of the order."""

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


async def update_products(connection: AsyncConnection, products: Sequence[Product]) -> None:
    """Write their versions."""
    if products:
        values = {"skus": [p.sku for p in products], "versions": [p.version for p in products]}
        await connection.execute(UPDATE_PRODUCTS, values)


async def update_batches(connection: AsyncConnection, batches: Sequence[Batch]) -> None:
    """Write their quantities. The schema refuses one with more allocated than purchased."""
    if batches:
        values = {
            "refs": [b.batch_ref for b in batches],
            "purchased": [b.purchased for b in batches],
            "allocated": [b.allocated for b in batches],
        }
        await connection.execute(UPDATE_BATCHES, values)


async def insert_lines(connection: AsyncConnection, lines: Sequence[tuple[int, OrderLine]]) -> None:
    """Write lines of orders that are new, each with its order's number.

    Most of the rows by far: COPY takes two thirds of the time of an INSERT.
    """
    if lines:
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
