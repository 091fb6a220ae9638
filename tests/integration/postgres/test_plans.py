"""Plans that were made while tables were small do not stay when these have grown, analysed or not."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.shop import Shop, bought, cancelled, placed

pytestmark = pytest.mark.servers

OFTEN = 12
"""From the sixth time on a connection may keep a plan."""
CANCELLED = 100
HISTORY = 100_000


FILL = """
    WITH placed AS (
        INSERT INTO orders (order_id) SELECT n::text FROM generate_series(1, :history) n RETURNING order_id, number
    )
    INSERT INTO order_lines (number, line, order_id, sku, qty, status, version)
    SELECT number, 0, order_id, 'CHAIR', 1, 'rejected', number FROM placed
"""


async def test_what_a_batch_reads_does_not_grow_with_history(engine: AsyncEngine) -> None:
    shop = await Shop(engine).claim()
    await shop.send(bought("b", "CHAIR", 1_000_000))
    await shop.send(placed("first", ("CHAIR", 1)))
    for _ in range(OFTEN):
        await shop.send(*(cancelled("first") for _ in range(CANCELLED)))
    async with engine.begin() as connection:
        await connection.execute(text(FILL), {"history": HISTORY})
    before = await rows_scanned(engine)
    await shop.send(*(cancelled(f"{n}") for n in range(1, CANCELLED)))
    assert await rows_scanned(engine) - before < HISTORY


async def rows_scanned(engine: AsyncEngine) -> int:
    """Rows of orders and lines that were read by reading whole tables."""
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
    async with engine.connect() as connection:
        scanned = "SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN ('orders', 'order_lines')"
        return int(await connection.scalar(text(scanned)) or 0)
