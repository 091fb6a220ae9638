"""What preflight finds wrong with a database, in the words of whoever has to mend it."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.adapters.secondary.postgres.checks import checks
from python_app_template.core.ports.checks import CheckDoubtful, CheckFailed
from python_app_template.core.ports.clock import Clock
from python_app_template.embedded import EmbeddedPostgres
from python_app_template.service import SERVICE
from tests.fakes.clock import FakeClock
from tests.proxy import proxy_to
from tests.servers import Postgres
from tests.surroundings import migrate, name_of_its_own, new_database
from tests.worlds import engine_on

pytestmark = pytest.mark.servers

NOW = SystemClock()


async def look(engine: AsyncEngine, name: str, clock: Clock = NOW) -> str:
    """What one check finds; raises CheckFailed."""
    [check] = [check for check in checks(engine, SERVICE.revision, clock) if check.name == name]
    return await check.look()


async def failure(engine: AsyncEngine, name: str) -> CheckFailed:
    with pytest.raises(CheckFailed) as failed:
        await look(engine, name)
    return failed.value


async def test_a_database_as_it_should_be_passes_every_check(engine: AsyncEngine) -> None:
    for check in checks(engine, SERVICE.revision, NOW):
        if check.name == "database durability":
            continue  # the server that the tests were given need not be durable
        assert await check.look()


async def test_no_server_is_waited_for(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy:
        nobody = proxy.url
    async with engine_on(nobody) as engine:
        for check in checks(engine, SERVICE.revision, NOW):
            failed = await failure(engine, check.name)
            assert failed.passing
            assert failed.remedy == "start it, or correct APP_DATABASE__URL"


@pytest.mark.parametrize(
    ("wrong", "found"),
    [({"password": "x"}, "password authentication failed"), ({"database": "nowhere"}, "does not exist")],
)
async def test_a_wrong_address_is_not_waited_for(shared_database: str, wrong: dict[str, str], found: str) -> None:
    url = make_url(shared_database).set(**wrong).render_as_string(hide_password=False)  # type: ignore[arg-type]
    async with engine_on(url) as engine:
        failed = await failure(engine, "database")
        assert found in failed.found
        assert not failed.passing
        assert "APP_DATABASE__URL" in failed.remedy


@pytest.mark.parametrize(("minutes", "found"), [(60, "behind ours"), (-60, "ahead of ours")])
async def test_clocks_that_are_apart_are_worth_a_warning(shared_database: str, minutes: int, found: str) -> None:
    elsewhere = FakeClock(time.time() + minutes * 60)
    async with engine_on(shared_database) as engine:
        with pytest.raises(CheckDoubtful, match=rf"(3599|360\d) s {found}"):
            await look(engine, "clocks", elsewhere)


@pytest.fixture
def empty_database(postgres: Postgres) -> Iterator[str]:
    with new_database(postgres) as url:
        yield url


async def test_a_database_without_a_schema_is_waited_for(empty_database: str) -> None:
    async with engine_on(empty_database) as engine:
        failed = await failure(engine, "schema")
        assert (failed.found, failed.remedy, failed.passing) == ("no schema", "run `alembic upgrade head`", True)


async def test_an_older_schema_is_waited_for(empty_database: str) -> None:
    await asyncio.to_thread(migrate, empty_database, "0001")
    async with engine_on(empty_database) as engine:
        failed = await failure(engine, "schema")
        assert failed.found == f"revision 0001, {SERVICE.revision} is needed"
        assert (failed.remedy, failed.passing) == ("run `alembic upgrade head`", True)


async def test_a_later_schema_is_taken_while_it_serves_this_code_and_refused_once_it_does_not(
    empty_database: str,
) -> None:
    await asyncio.to_thread(migrate, empty_database)
    async with engine_on(empty_database) as engine:
        await execute(engine, "UPDATE alembic_version SET version_num = '0099'")
        assert await look(engine, "schema") == "revision 0099"
        await execute(engine, "UPDATE schema_compatibility SET compatible_from = '0050'")
        failed = await failure(engine, "schema")
        assert failed.found == "revision 0099, which needs code of revision 0050 or later"
        assert failed.remedy == "deploy the newer version of this service"
        assert not failed.passing


async def test_a_schema_that_was_begun_and_left_is_waited_for(empty_database: str) -> None:
    await asyncio.to_thread(migrate, empty_database)
    async with engine_on(empty_database) as engine:
        await execute(engine, "DELETE FROM alembic_version")
        failed = await failure(engine, "schema")
        assert (failed.found, failed.passing) == (f"revision none, {SERVICE.revision} is needed", True)


async def execute(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement))


async def test_a_server_that_forgets_what_it_acknowledged_is_refused() -> None:
    with EmbeddedPostgres(durable=False) as server:
        async with engine_on(server.url()) as engine:
            failed = await failure(engine, "database durability")
            assert failed.found.startswith("off: fsync, full_page_writes")
            assert not failed.passing


async def test_another_encoding_is_refused(postgres: Postgres) -> None:
    name = name_of_its_own("latin")
    async with engine_on(postgres.url()) as engine:
        alone = engine.execution_options(isolation_level="AUTOCOMMIT")
        await execute(alone, f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            async with engine_on(postgres.url(name)) as latin:
                assert (await failure(latin, "database")).found == "encoding LATIN1"
        finally:
            await execute(alone, f"DROP DATABASE {name}")
