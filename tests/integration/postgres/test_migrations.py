"""The schema's way up and down, by one process or many, and that it is what the code believes it to be."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from alembic import command
from python_app_template.service import SERVICE
from tests.servers import Postgres
from tests.surroundings import ROOT, migrate, new_database
from tests.worlds import engine_on, until_somebody_waits

pytestmark = pytest.mark.servers

LOCK = 0x5_0A7_A1E3
"""What `alembic/env.py` locks."""


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """An empty database."""
    with new_database(postgres) as url:
        yield url


def config_of(url: str) -> Config:
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    return config


def revisions() -> list[str]:
    """All revisions, the oldest first."""
    return [script.revision for script in ScriptDirectory.from_config(config_of("")).walk_revisions()][::-1]


def alembic(url: str, *arguments: str) -> subprocess.Popen[str]:
    """Start it as an operator does: from the root of the project, with settings from the environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("APP_")}
    return subprocess.Popen(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env=environment | {"APP_DATABASE__URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output


async def objects(url: str) -> list[str]:
    """What is in the database, by name, but for Alembic's own table."""
    question = """
        SELECT c.relkind::text || ' ' || c.relname FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ 'alembic'
        UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        ORDER BY 1
    """
    async with engine_on(url) as engine, engine.connect() as connection:
        return list((await connection.scalars(text(question))).all())


def test_each_revision_goes_up_down_and_up_again(url: str) -> None:
    config = config_of(url)
    for revision in revisions():
        command.upgrade(config, revision)
        command.downgrade(config, "-1")
        command.upgrade(config, revision)
    command.downgrade(config, "base")


async def test_all_the_way_down_leaves_nothing(url: str) -> None:
    migrate(url)
    ended(alembic(url, "downgrade", "base"))
    assert await objects(url) == []


def test_the_tables_of_the_code_are_those_of_the_schema(url: str) -> None:
    command.upgrade(config_of(url), "head")
    command.check(config_of(url))


def test_the_code_needs_no_later_revision_than_there_is() -> None:
    assert SERVICE.revision in revisions()


async def test_three_that_migrate_at_once_do_it_once(url: str) -> None:
    async with engine_on(url) as engine, engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        processes = [alembic(url, "upgrade", "head") for _ in range(3)]
        await until_somebody_waits(engine, 3)
        await connection.rollback()
    outputs = [ended(process) for process in processes]
    ran = [output.count("Running upgrade") for output in outputs]
    assert sorted(ran) == [0, 0, len(revisions())]
    assert "r outbox_head" in await objects(url)


def test_the_whole_schema_can_be_had_as_sql_without_a_database() -> None:
    sql = ended(alembic("postgresql+asyncpg://nobody@127.0.0.1:1/nothing", "upgrade", "head", "--sql"))
    assert "CREATE TABLE positions" in sql
    assert "CREATE CONSTRAINT TRIGGER give_outbox_number" in sql
    assert "CREATE TABLE order_lines" in sql
