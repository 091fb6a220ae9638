"""The servers of a test run, started once, and what each test gets of them: a database and topics of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.settings import Settings, load
from tests.forking.services import ForkServer
from tests.servers import Kafka, Postgres, kafka_server, postgres_server, redis_server
from tests.surroundings import Topics, migrate, name_of_its_own, new_database, new_topics, settings_for
from tests.worlds import World, world_at

TESTS = Path(__file__).parent
SHORTNESS = {"integration": 1, "contracts": 2, "property": 3, "unit": 4}
"""Of the tests in directories; the others' are the longest."""

# What takes how long is a benchmark's question: on a busy machine a deadline only makes a test flaky.
hypothesis.settings.register_profile("without deadlines", deadline=None)
hypothesis.settings.load_profile("without deadlines")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers of `--dist loadscope` take whole modules in this order: what is short fills the gaps in the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: SHORTNESS.get(item.path.relative_to(TESTS).parts[0], 0))


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """A broker for the whole run."""
    with kafka_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A database server for the whole run."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis for the whole run; everybody keeps to a prefix of their own."""
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServer]:
    """Starts processes in a tenth of the time; how an operator starts them is for tests of starting."""
    with ForkServer() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a migrated database to copy from: that takes milliseconds, to migrate takes a second."""
    name = name_of_its_own("migrated")
    migrate(postgres.create_database(name))
    yield name
    postgres.drop_database(name)


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with new_database(postgres, template) as url:
        yield url


@pytest.fixture(scope="module")
def shared_database(postgres: Postgres, template: str) -> Iterator[str]:
    """The URL of a migrated database for the tests of a module, which empty it: that is quicker than a copy each."""
    with new_database(postgres, template) as url:
        yield url


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest) -> str | None:
    """What a port promises holds in memory (None) as in Postgres (the URL)."""
    return None if request.param == "memory" else str(request.getfixturevalue("shared_database"))


@pytest.fixture
async def world(place: str | None) -> AsyncIterator[World]:
    """A database in either place."""
    async with world_at(place) as world:
        yield world


@pytest.fixture
def topics(kafka: Kafka) -> Iterator[Topics]:
    """The four topics of the contract under names of the test's own: 3, 3, 3 partitions and 1."""
    with new_topics(kafka) as names:
        yield names


@pytest.fixture
def settings(kafka: Kafka, database_url: str, topics: Topics) -> Settings:
    """Settings that lead to the test's own database and topics."""
    return settings_for(kafka, database_url, topics)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the test's own database, set up as the service's."""
    engine = create_engine(load({"database.url": database_url}).database, "test")
    yield engine
    await engine.dispose()
