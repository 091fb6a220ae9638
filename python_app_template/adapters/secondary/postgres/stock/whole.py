"""All stock as of one moment, for who makes a copy of it. Yours."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.snapshot import one_moment
from python_app_template.core.domain.views import BatchView, StockView
from python_app_template.core.ports.stock_copy import StockSnapshot

STOCK = text(
    """
    SELECT p.sku, p.version, b.batch_ref, b.purchased, b.purchased - b.allocated AS available, b.eta
    FROM products p JOIN batches b ON b.sku = p.sku
    ORDER BY p.sku, b.eta NULLS FIRST, b.batch_ref
    """
)

FETCHED: Final = 10_000
"""Rows that a fetch brings: each is a statement of its own, which no timeout ends."""

PAGE: Final = 500
"""SKUs of a page."""


class PostgresStockSnapshot(StockSnapshot):
    """One read-only transaction that sees one moment and disturbs nobody."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def pages(self) -> AsyncIterator[Sequence[StockView]]:
        """As the port says."""
        page: list[StockView] = []
        rows: list[Any] = []
        async with (
            one_moment(self._engine) as connection,
            connection.stream(STOCK, execution_options={"yield_per": FETCHED}) as result,
        ):
            async for row in result:
                if rows and rows[0].sku != row.sku:
                    page.append(_stock(rows))
                    rows = []
                    if len(page) >= PAGE:
                        yield page
                        page = []
                rows.append(row)
            if rows:
                yield [*page, _stock(rows)]


def _stock(rows: Sequence[Any]) -> StockView:
    batches = tuple(BatchView(*row[2:]) for row in rows)
    return StockView(rows[0].sku, rows[0].version, sum(batch.available for batch in batches), batches)
