"""Orders and stock as people are shown them, read from the tables that decide. Yours.

Each answer is one statement, so it is one moment of the database, whatever is asked for. No lock is taken: readers and
the worker do not wait for each other. Keys are C-collated, so they are compared by code point.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ARRAY, Integer, Text, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import each_alone, transaction
from python_app_template.core.domain.views import BatchView, LineView, OrderView, StockView
from python_app_template.core.ports.views import OrderViews, Page, StockViews, Window

FIRST: Final = ""
LAST: Final = "\U0010ffff" * 65
"""Before and behind all keys, which have 1 to 64 characters: a bound that is always there is an index's condition."""

NUL: Final = "\0"
"""PostgreSQL has no text with it, so no key has it; who asks for one may be anybody."""

LINES_OF = """
    SELECT o.order_id, o.customer_id, o.placed_at, o.cancelled,
           l.line, l.sku, l.qty, l.status, l.batch_ref, b.eta
    FROM {} o
    JOIN order_lines l ON l.number = o.number
    LEFT JOIN batches b ON b.batch_ref = l.batch_ref
"""
BY_LINE = "ORDER BY order_id, line"

# The batches that are open and those that are used up have an index each: see tables.py.
BATCHES_OF = """
    SELECT p.sku, p.version, b.batch_ref, b.purchased, b.purchased - b.allocated AS available, b.eta
    FROM {} p
    CROSS JOIN LATERAL (
        SELECT batch_ref, purchased, allocated, eta FROM batches WHERE sku = p.sku AND open
        UNION ALL
        SELECT batch_ref, purchased, allocated, eta FROM batches WHERE sku = p.sku AND NOT open
    ) b
"""
BY_PREFERENCE = "ORDER BY sku, eta NULLS FIRST, batch_ref"

KEYS = bindparam("keys", type_=ARRAY(Text))
ORDERS = text(f"{LINES_OF.format('orders')} WHERE o.order_id = ANY(:keys) {BY_LINE}").bindparams(KEYS)
STOCK = text(f"{BATCHES_OF.format('products')} WHERE p.sku = ANY(:keys) {BY_PREFERENCE}").bindparams(KEYS)


def windows(table: str, columns: str, items: str, order: str, only: str = "true") -> Mapping[bool, TextClause]:
    """Return the statement of a page, forward (False) and backward: whether the list goes on, beside each item.

    What lies beyond is asked for in order: then it is one look into the index also where nothing does.
    """
    key = columns.partition(",")[0]
    first, last = f"(SELECT min({key}) FROM page)", f"(SELECT max({key}) FROM page)"  # noqa: S608 constants of ours

    def beyond(sign: str, bound: str) -> str:
        return f"(SELECT {key} FROM {table} WHERE {only} AND {key} {sign} {bound} ORDER BY {key} LIMIT 1) IS NOT NULL"  # noqa: S608 likewise

    def statement(direction: str, before: str, behind: str) -> TextClause:
        return text(
            f"""
            WITH page AS MATERIALIZED (
                SELECT {columns} FROM {table} WHERE {only} AND {key} > :after AND {key} < :before
                ORDER BY {key} {direction} LIMIT :limit
            )
            SELECT sides.*, items.*
            FROM (SELECT {before} AS has_previous, {behind} AS has_next) sides
            LEFT JOIN ({items.format("page")}) items ON true {order}
            """  # noqa: S608 likewise
        ).bindparams(bindparam("limit", type_=Integer))

    return {
        False: statement("ASC", beyond("<=", ":after"), beyond(">", f"coalesce({last}, :after)")),
        True: statement("DESC", beyond("<", f"coalesce({first}, :before)"), beyond(">=", ":before")),
    }


ORDER = "order_id, number, customer_id, placed_at, cancelled"
ORDER_PAGES = windows("orders", ORDER, LINES_OF, BY_LINE)
CUSTOMER_PAGES = windows("orders", ORDER, LINES_OF, BY_LINE, "customer_id = :customer_id")
STOCK_PAGES = windows("products", "sku, version", BATCHES_OF, BY_PREFERENCE)


class PostgresOrderViews(OrderViews):
    """Reads the write model's own tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = each_alone(engine)

    async def orders(self, order_ids: Collection[str]) -> Mapping[str, OrderView]:
        """As the port says."""
        rows = await ask(self._engine, ORDERS, {"keys": _keys(order_ids)}) if order_ids else []
        return {order.order_id: order for order in _orders(rows)}

    async def page(self, window: Window, customer_id: str | None = None) -> Page[OrderView]:
        """As the port says."""
        if customer_id is None:
            rows = await ask(self._engine, ORDER_PAGES[window.backward], _bounds(window))
        else:
            values = _bounds(window) | {"customer_id": customer_id}
            rows = await ask(self._engine, CUSTOMER_PAGES[window.backward], values)
        return Page(tuple(_orders(_items(rows))), *rows[0][:2])


class PostgresStockViews(StockViews):
    """Reads the write model's own tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = each_alone(engine)

    async def stock(self, skus: Collection[str]) -> Mapping[str, StockView]:
        """As the port says."""
        rows = await ask(self._engine, STOCK, {"keys": _keys(skus)}) if skus else []
        return {stock.sku: stock for stock in _stocks(rows)}

    async def page(self, window: Window) -> Page[StockView]:
        """As the port says."""
        rows = await ask(self._engine, STOCK_PAGES[window.backward], _bounds(window))
        return Page(tuple(_stocks(_items(rows))), *rows[0][:2])


async def ask(engine: AsyncEngine, question: TextClause, values: Mapping[str, Any]) -> Sequence[Any]:
    """Return all rows, as of one moment. Raises TransientError and whatever else the engine's errors mean."""
    async with transaction(engine) as connection:
        return (await connection.execute(question, values)).all()


def _bounds(window: Window) -> dict[str, Any]:
    after = FIRST if window.after is None else window.after
    before = LAST if window.before is None else window.before
    return {"after": _text(after), "before": _text(before), "limit": window.limit}


def _keys(asked: Iterable[str]) -> list[str]:
    return [key for key in asked if NUL not in key]


def _text(bound: str) -> str:
    """Return a bound that the database can read; no key has the character, so nothing lies in between."""
    return bound.partition(NUL)[0]


def _items(rows: Sequence[Any]) -> Iterable[Any]:
    """Return what stands beside the two sides, of which there is one row also when the page is empty."""
    return (row[2:] for row in rows if row[2] is not None)


def _orders(rows: Iterable[Any]) -> Iterator[OrderView]:
    for (order_id, customer_id, placed_at, cancelled), lines in groupby(rows, itemgetter(0, 1, 2, 3)):
        shown = tuple(LineView(*row[4:]) for row in lines)
        yield OrderView(order_id, customer_id, placed_at, "cancelled" if cancelled else "placed", shown)


def _stocks(rows: Iterable[Any]) -> Iterator[StockView]:
    for (sku, version), batches in groupby(rows, itemgetter(0, 1)):
        shown = tuple(BatchView(*row[2:]) for row in batches)
        yield StockView(sku, version, sum(batch.available for batch in shown), shown)
