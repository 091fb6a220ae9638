"""The servers of a test run, started once, and what each test gets of them: a database and topics of its own."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from alembic.config import Config
from confluent_kafka.admin import AdminClient, NewTopic
from sqlalchemy.ext.asyncio import AsyncEngine

from alembic import command
from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.settings import Settings, load
from tests.servers import Kafka, Postgres, kafka_server, postgres_server

ROOT = Path(__file__).parent.parent
TEMPLATE = "migrated"

_numbers = count(1)


class Topics(NamedTuple):
    """The four topics of a service, made for one test."""

    input: str
    output: str
    dead_letter: str
    positions: str


def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to a revision, as `alembic upgrade` does."""
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    command.upgrade(config, revision)


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """A broker for the whole run."""
    with kafka_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A database server for the whole run, with a migrated database to copy from."""
    with postgres_server() as server:
        server.drop_database(TEMPLATE)
        migrate(server.create_database(TEMPLATE))
        yield server


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """A migrated database of the test's own."""
    name = f"test_{next(_numbers)}"
    postgres.drop_database(name)
    yield postgres.create_database(name, TEMPLATE)
    postgres.drop_database(name)


@pytest.fixture
def topics(kafka: Kafka) -> Iterator[Topics]:
    """The four topics of the contract under names of the test's own: 3, 3, 3 partitions and 1."""
    number = next(_numbers)
    names = Topics(*(f"{name}-{number}" for name in ("raw-push", "allocations", "raw-push.dlq", "positions")))
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    compacted = {"cleanup.policy": "compact"}
    for name, made in admin.create_topics(
        [
            NewTopic(names.input, 3, 1),
            NewTopic(names.output, 3, 1),
            NewTopic(names.dead_letter, 3, 1, config={"max.message.bytes": str(2**20 + 2**17)}),
            NewTopic(names.positions, 1, 1, config=compacted),
        ]
    ).items():
        made.result(30)
        assert name in names
    yield names
    for gone in admin.delete_topics(list(names)).values():
        gone.exception(30)


@pytest.fixture
def settings(kafka: Kafka, database_url: str, topics: Topics) -> Settings:
    """Settings that lead to the test's own database and topics."""
    return load(
        {
            "environment": "test",
            "kafka.bootstrap_servers": kafka.bootstrap_servers,
            "kafka.group_id": f"group-{topics.input}",
            "kafka.input_topic": topics.input,
            "kafka.output_topic": topics.output,
            "kafka.dead_letter_topic": topics.dead_letter,
            "kafka.positions_topic": topics.positions,
            "kafka.session_timeout_ms": 6000,
            "database.url": database_url,
            "http.port": 0,
        }
    )


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the test's own database, set up as the service's."""
    engine = create_engine(load({"database.url": database_url}).database, "test")
    yield engine
    await engine.dispose()
