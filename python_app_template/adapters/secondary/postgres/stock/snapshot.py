"""All of stock's tables, for the audit. Yours."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from python_app_template.audit.rows import BatchRow, LineRow, OrderRow, Tables

PRODUCTS = text("SELECT sku, version FROM products")
BATCHES = text("SELECT batch_ref, sku, eta, created_qty, purchased, allocated FROM batches")
ORDERS = text("SELECT order_id, customer_id, placed_at, cancelled FROM orders")
LINES = text("SELECT order_id, line, sku, qty, status, version, batch_ref FROM order_lines")

FETCHED = 10_000
"""Rows that a fetch brings: each is a statement of its own, which no timeout ends."""


async def read(connection: AsyncConnection) -> Tables:
    """Return all rows, as the connection's transaction sees them."""
    tables = Tables()
    async for sku, version in _rows(connection, PRODUCTS):
        tables.products[sku] = version
    async for ref, sku, eta, *quantities in _rows(connection, BATCHES):
        tables.batches[ref] = BatchRow(sku, eta and eta.isoformat(), *quantities)
    async for order_id, customer_id, placed_at, cancelled in _rows(connection, ORDERS):
        tables.orders[order_id] = OrderRow(customer_id, _microseconds(placed_at), cancelled)
    async for order_id, line, *row in _rows(connection, LINES):
        tables.lines[order_id, line] = LineRow(*row)
    return tables


async def _rows(connection: AsyncConnection, question: Any) -> AsyncIterator[Any]:
    async with connection.stream(question, execution_options={"yield_per": FETCHED}) as result:
        async for row in result:
            yield row


def _microseconds(instant: datetime | None) -> int | None:
    """Return microseconds, counted as the checker does: days from the proleptic year 1 on, of which this is day 1."""
    if instant is None:
        return None
    seconds = (instant.toordinal() * 24 + instant.hour) * 3600 + instant.minute * 60 + instant.second
    return seconds * 1_000_000 + instant.microsecond
