"""Those who only look: they can't write, give up early, and take no connection from a worker."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import create_reader, transaction
from python_app_template.adapters.secondary.postgres.stock.views import PostgresOrderViews, PostgresStockViews
from python_app_template.core.delivery.faults import SlowError
from python_app_template.core.ports.views import Window
from python_app_template.settings import load
from tests.shop import Shop, bought, placed

pytestmark = pytest.mark.servers


async def test_a_reader_shows_what_is_there_and_can_not_write(engine: AsyncEngine, shared_database: str) -> None:
    await (await Shop(engine).claim()).send(bought("b", "S"), placed("o", ("S", 1)))
    reader = create_reader(load({"database.url": shared_database}).database, "test")
    try:
        assert (await PostgresOrderViews(reader).orders(["o"])).keys() == {"o"}
        assert (await PostgresStockViews(reader).page(Window(5))).items[0].available == 999
        async with reader.connect() as connection:
            with pytest.raises(DBAPIError, match="read-only"):
                await connection.execute(text("DELETE FROM orders"))
    finally:
        await reader.dispose()


async def test_a_reader_waits_for_a_statement_no_longer_than_people_do(shared_database: str) -> None:
    given = {
        "database.url": shared_database,
        "database.statement_timeout_seconds": 0.2,
        "database.lock_timeout_seconds": 0.1,
    }
    for settings, shown in ((load({"database.url": shared_database}), "5s"), (load(given), "200ms")):
        reader = create_reader(settings.database, "test")
        try:
            async with transaction(reader) as connection:
                assert await connection.scalar(text("SHOW statement_timeout")) == shown
        finally:
            await reader.dispose()

    async def linger() -> None:
        async with transaction(reader) as connection:
            await connection.execute(text("SELECT pg_sleep(1)"))

    with pytest.raises(SlowError):
        await linger()
    await reader.dispose()
