"""Climbing the ladder of locks, a function for each rung, and loading what they guard. Yours.

The order is the same everywhere, so that no two transactions wait for each other in a circle: position rows (the frame
has them), order ids, batch references, placeholders of SKUs, SKUs; each sorted by code point. What is read before a
SKU's lock is held only names SKUs; batches and lines are read under it.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Date, DateTime, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from python_app_template.adapters.secondary.postgres.engine import allow_longer
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.domain.commands import CreateBatch, Line, PlaceOrder
from python_app_template.core.domain.order import LineStatus, Order, OrderLine

TEXTS, INTEGERS = ARRAY(Text), ARRAY(Integer)

KNOWN_SKUS = 200_000
"""So many names of SKUs are remembered on a connection, in some 25 MB."""

LINES_AT_ONCE = 5000
"""Lines of those that may come off batches that are taken in before others on this event loop have their turn."""

MANY_LINES, SECONDS_PER_LINE = 20_000, 0.0005
"""From so many lines on that may come off batches, deciding and writing them is given time of its own."""


class Named(NamedTuple):
    """What is known of the batches that change and of the orders that are cancelled before any SKU is locked."""

    changed: Mapping[str, str]
    """Batch reference to SKU."""
    cancelled: Mapping[str, Collection[str]]
    """Order id to the SKUs of its lines."""


# Two arrays, not thousands of rows: those would take longer here than the inserting takes there.
CLAIM_ORDERS = text(
    """
    WITH claimed AS (
        INSERT INTO orders (order_id, customer_id, placed_at)
        SELECT * FROM unnest(:ids, :customers, :placed)
        ON CONFLICT DO NOTHING RETURNING order_id, number
    )
    SELECT coalesce(array_agg(order_id), '{}') AS ids, coalesce(array_agg(number), '{}') AS numbers FROM claimed
    """
).bindparams(
    bindparam("ids", type_=TEXTS),
    bindparam("customers", type_=TEXTS),
    bindparam("placed", type_=ARRAY(DateTime(timezone=True))),
)

CLAIM_BATCHES = text(
    """
    INSERT INTO batches (batch_ref, sku, eta, created_qty, purchased)
    SELECT ref, sku, eta, qty, qty FROM unnest(:refs, :skus, :etas, :qtys) AS c (ref, sku, eta, qty)
    ON CONFLICT DO NOTHING RETURNING batch_ref
    """
).bindparams(
    bindparam("refs", type_=TEXTS),
    bindparam("skus", type_=TEXTS),
    bindparam("etas", type_=ARRAY(Date)),
    bindparam("qtys", type_=INTEGERS),
)

# As an array the numbers lead through the index. Joined, orders and lines would be read whole until both are analysed,
# and by a plan that a connection keeps also when they have grown.
NAME_SKUS = text(
    """
    SELECT batch_ref, NULL AS order_id, ARRAY[sku] AS skus FROM batches WHERE batch_ref = ANY(:changed)
    UNION ALL
    SELECT NULL, order_id, array_agg(sku) FROM order_lines
    WHERE number = ANY(ARRAY(SELECT number FROM orders WHERE order_id = ANY(:cancelled))) GROUP BY order_id
    """
).bindparams(bindparam("changed", type_=TEXTS), bindparam("cancelled", type_=TEXTS))

PLACE_HOLDERS = text(
    "INSERT INTO products (sku, version) SELECT sku, 0 FROM unnest(:skus) AS s (sku) ON CONFLICT DO NOTHING"
).bindparams(bindparam("skus", type_=TEXTS))

LOCK_PRODUCTS = text(
    "SELECT sku, version FROM products WHERE sku = ANY(:skus) ORDER BY sku FOR NO KEY UPDATE"
).bindparams(bindparam("skus", type_=TEXTS))

# One statement: between two of them an order might come, whole, of which the second would see the lines alone.
# The array of numbers beside the join is there for the plan, as above.
ORDERS = text(
    """
    SELECT o.order_id, o.customer_id, o.placed_at, o.cancelled, l.line, l.sku, l.qty, l.status, l.version, l.batch_ref
    FROM orders o JOIN order_lines l ON l.number = o.number
    WHERE o.order_id = ANY(:ids) AND l.number = ANY(ARRAY(SELECT number FROM orders WHERE order_id = ANY(:ids)))
    ORDER BY o.order_id, l.line
    """
).bindparams(bindparam("ids", type_=TEXTS))

# The latest lines of each batch, as many as come off when no more than `rest` units may stay. A line has a unit at
# least, so that no more lines than units come off: the limit keeps the sum from running over all lines of the batch.
LATEST = text(
    """
    SELECT l.order_id, l.line, l.sku, l.qty, l.status, l.version, l.batch_ref
    FROM unnest(:refs, :rests) AS w (ref, rest)
    JOIN batches b ON b.batch_ref = w.ref COLLATE "C" AND b.allocated > w.rest
    CROSS JOIN LATERAL (
        SELECT *, sum(qty) OVER (ORDER BY version DESC ROWS UNBOUNDED PRECEDING) - qty AS later
        FROM (
            SELECT order_id, line, sku, qty, status, version, batch_ref FROM order_lines
            WHERE batch_ref = b.batch_ref ORDER BY version DESC LIMIT b.allocated - w.rest
        ) latest
    ) l
    WHERE l.later < b.allocated - w.rest
    ORDER BY l.batch_ref, l.version
    """
).bindparams(bindparam("refs", type_=TEXTS), bindparam("rests", type_=INTEGERS))


async def claim_orders(connection: AsyncConnection, placed: Mapping[str, PlaceOrder]) -> dict[str, int]:
    """Insert these ids with their content; return the numbers of those that were new.

    Waits for whoever is inserting the same.
    """
    ids = sorted(placed)
    values = {
        "ids": ids,
        "customers": [placed[i].customer_id for i in ids],
        "placed": [placed[i].placed_at for i in ids],
    }
    if not ids:
        return {}
    claimed = (await connection.execute(CLAIM_ORDERS, values)).one()
    return dict(zip(claimed.ids, claimed.numbers, strict=True))


async def claim_batches(connection: AsyncConnection, created: Mapping[str, CreateBatch]) -> set[str]:
    """Insert these references with their content; return those that were new."""
    refs = sorted(created)
    values = {
        "refs": refs,
        "skus": [created[r].sku for r in refs],
        "etas": [created[r].eta for r in refs],
        "qtys": [created[r].qty for r in refs],
    }
    return set((await connection.scalars(CLAIM_BATCHES, values)).all()) if refs else set()


async def name_skus(connection: AsyncConnection, changed: Iterable[str], cancelled: Iterable[str]) -> Named:
    """Return the SKUs that these batches and orders make necessary to lock."""
    values = {"changed": sorted(changed), "cancelled": sorted(cancelled)}
    if not any(values.values()):
        return Named({}, {})
    rows = (await connection.execute(NAME_SKUS, values)).all()
    return Named(
        {row.batch_ref: row.skus[0] for row in rows if row.batch_ref is not None},
        {row.order_id: row.skus for row in rows if row.order_id is not None},
    )


async def lock_products(connection: AsyncConnection, skus: Collection[str]) -> dict[str, int]:
    """Lock these SKUs, known or not, and return the version of each; 0: nobody has a batch of it.

    An unknown SKU gets a placeholder first, that whoever makes it known has to wait for: a lock that waits returns
    rows as they are now, but no rows that came meanwhile. `drop_placeholders` has to follow.
    """
    known: set[str] = (await connection.get_raw_connection()).info.setdefault("known_skus", set())
    if missing := sorted(set(skus) - known):
        await connection.execute(PLACE_HOLDERS, {"skus": missing})
    rows = (await connection.execute(LOCK_PRODUCTS, {"skus": sorted(skus)})).all()
    versions: dict[str, int] = {row.sku: row.version for row in rows}
    if len(versions) < len(skus) or len(known) > KNOWN_SKUS:
        known.clear()
    if len(versions) < len(skus):
        raise TransientError("SKUs that were there are gone: the database was replaced", code="database_replaced")
    known.update(sku for sku, version in versions.items() if version)
    return versions


async def load_orders(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, Order]:
    """Return those of these orders that exist, with their lines."""
    values = {"ids": sorted(ids)}
    if not values["ids"]:
        return {}
    rows = (await connection.execute(ORDERS, values)).all()
    return {order_id: _order(list(lines)) for order_id, lines in groupby(rows, attrgetter("order_id"))}


async def load_latest(connection: AsyncConnection, changed: Mapping[str, int]) -> list[OrderLine]:
    """Return the lines that may have to come off these batches, by batch and version."""
    values = {"refs": list(changed), "rests": list(changed.values())}
    if not changed:
        return []
    lines: list[OrderLine] = []
    async with connection.stream(LATEST, values) as rows:  # all at once would hold others up
        async for some in rows.partitions(LINES_AT_ONCE):
            lines += map(_line, some)
    if len(lines) > MANY_LINES:
        await allow_longer(connection, len(lines) * SECONDS_PER_LINE)
    return lines


def _line(row: Any) -> OrderLine:
    return OrderLine(row.order_id, row.line, row.sku, row.qty, LineStatus(row.status), row.version, row.batch_ref)


def _order(rows: list[Any]) -> Order:
    head, content = rows[0], tuple(Line(row.sku, row.qty) for row in rows)
    placed = PlaceOrder(head.order_id, content, head.customer_id, head.placed_at)
    return Order(placed, [_line(row) for row in rows], head.cancelled)
