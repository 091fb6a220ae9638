"""The service with no more rights in PostgreSQL than docs/security.md gives."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from python_app_template.settings import Settings
from tests.clients import World, batch, cancelled, order, quantity
from tests.forking.services import ForkedService, ForkServer
from tests.processes import running, wait_until
from tests.security.documented import statements
from tests.servers import Kafka, Postgres
from tests.surroundings import Topics, migrate, name_of_its_own, settings_for

pytestmark = pytest.mark.servers

PASSWORD = "pl4nted"  # noqa: S105 - of roles that live as long as a test
FORBIDDEN = [
    "ALTER TABLE orders ADD COLUMN x int",
    "ALTER TABLE orders OWNER TO CURRENT_USER",
    "DROP TABLE outbox",
    "TRUNCATE orders",
    "DELETE FROM orders",
    "DELETE FROM positions",
    "CREATE TABLE mine (x int)",
    "CREATE TEMPORARY TABLE mine (x int)",
    "CREATE SCHEMA mine",
    "CREATE INDEX ON orders (customer_id)",
    "DROP TRIGGER give_outbox_number ON outbox",
    "ALTER TABLE outbox DISABLE TRIGGER give_outbox_number",
    "CREATE OR REPLACE FUNCTION give_outbox_number() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "UPDATE schema_compatibility SET compatible_from = '9999'",
    "UPDATE alembic_version SET version_num = '9999'",
    "COPY orders TO PROGRAM 'id'",
    "CREATE ROLE mine",
]


async def execute(url: str, *commands: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for command in commands:
            await connection.execute(command)
    finally:
        await connection.close()


def reached(url: str, role: str, database: str) -> str:
    return make_url(url).set(username=role, password=PASSWORD, database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def service_url(postgres: Postgres) -> Iterator[str]:
    """A database made as the document says, under names of its own."""
    names = {name: name_of_its_own(name) for name in ("migrator", "service", "orders")}
    server = postgres.url()

    def own(statement: str) -> str:
        named = re.sub(r"ROLE (\w+)|OWNER (\w+)|TO (\w+)|DATABASE (\w+)", lambda m: _renamed(m, names), statement)
        return named.replace("'...'", f"'{PASSWORD}'")

    asyncio.run(execute(server, *map(own, statements("CREATE DATABASE"))))
    owner, service = (reached(server, names[role], names["orders"]) for role in ("migrator", "service"))
    migrate(owner)
    asyncio.run(execute(owner, *map(own, statements("GRANT USAGE"))))
    yield service
    ends = [
        f"DROP DATABASE {names['orders']} WITH (FORCE)",
        *(f"DROP ROLE {names[r]}" for r in ("migrator", "service")),
    ]
    asyncio.run(execute(server, *ends))


def _renamed(match: re.Match[str], names: dict[str, str]) -> str:
    kind, name = match[0].split(" ")
    return f"{kind} {names[name]}"


@pytest.fixture
def settings(kafka: Kafka, service_url: str, topics: Topics) -> Settings:
    return settings_for(kafka, service_url, topics)


def test_the_service_does_all_its_work_with_the_rights_that_are_documented(
    settings: Settings, tmp_path: Path, forks: ForkServer
) -> None:
    roles = {"APP_ROLES": "worker,relay,notifier", "APP_MAIL__DIGEST_SECONDS": "0.1"}
    world, process = World(settings), ForkedService(forks, settings, tmp_path, **roles)
    with running(process):
        process.until_ready()
        world.send(batch("b", qty=10), batch("c", "LAMP", 5, "2030-01-01"), partition=0)
        world.send(order("o", ("CHAIR", 4), ("LAMP", 1), ("NEVER", 1)), order("p", ("CHAIR", 6)), partition=0)
        world.send(quantity("b", 5), cancelled("o"), order("o", ("CHAIR", 4), ("LAMP", 1), ("NEVER", 1)), partition=0)
        bad = [world.send_raw(value, b"bad", 0) for value in (None, b"{", b"[" * 1_000_000)]
        types = {event.body["type"] for event in world.events(11)}
        assert types >= {"batch.quantity_changed", "line.allocated", "line.deallocated", "line.rejected"}
        assert len(world.dead_letters_of(bad)) == 3
        wait_until(lambda: process.metric("app_digests_total", outcome="sent") >= 1, explain=process.explain)
        assert process.terminate() == 0, process.explain()
    with running(process):
        world.send(order("later", ("LAMP", 1)))
        world.events(12)


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_service_may_not(service_url: str, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(service_url, statement)
