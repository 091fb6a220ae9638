"""A broker and a database that nobody else needs, and a service at work on them."""

from collections.abc import Iterator

import pytest

from python_app_template.embedded import EmbeddedKafka, EmbeddedPostgres
from tests.clients import World, batch
from tests.e2e.conftest import Launch
from tests.processes import ServiceProcess
from tests.surroundings import migrate, name_of_its_own


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedKafka]:
    """A broker that nobody else needs."""
    with EmbeddedKafka(quick_timeouts=True) as own:
        yield own


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A server that nobody else needs."""
    with EmbeddedPostgres() as own:
        yield own


@pytest.fixture(scope="module")
def template(postgres: EmbeddedPostgres) -> str:
    """A migrated database of that server."""
    name = name_of_its_own("migrated")
    migrate(postgres.create_database(name))
    return name


@pytest.fixture
def service(launch: Launch, world: World) -> ServiceProcess:
    """One that is at work, and tries again soon."""
    service = launch(APP_RETRY__LONGEST_SECONDS="0.5")
    world.send(batch("b", "CHAIR", 10**6))
    world.events(1)
    return service.until_ready()
