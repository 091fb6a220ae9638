"""Processes of the service: one that a module's tests share, or as many as a test wants, on topics of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from python_app_template.settings import Settings
from tests.clients import World
from tests.forking.services import ForkedService, ForkServer
from tests.processes import ServiceProcess
from tests.servers import Kafka, Postgres
from tests.surroundings import new_database, new_topics, settings_for

Launch: TypeAlias = Callable[..., ServiceProcess]
"""Make a process, by name and with more variables, and start it; it is ended with the test."""


class Running(NamedTuple):
    """A service that runs, and its surroundings."""

    service: ServiceProcess
    world: World
    settings: Settings


@pytest.fixture
def launch(settings: Settings, tmp_path: Path, forks: ForkServer) -> Iterator[Launch]:
    """Processes on the test's own database and topics. None of them may show a secret."""
    made: list[ServiceProcess] = []

    def start(name: str = "service", **variables: str) -> ServiceProcess:
        made.append(ForkedService(forks, settings, tmp_path, name, **variables))
        return made[-1].start()

    yield start
    for process in made:
        process.close()
        print(process.explain())  # noqa: T201 - shown where a test fails
    assert_no_secret(settings, *made)


@pytest.fixture
def service(launch: Launch) -> ServiceProcess:
    """A service that is ready."""
    return launch().until_ready()


@pytest.fixture
def world(settings: Settings) -> World:
    """Whoever produces and consumes."""
    return World(settings)


@pytest.fixture(scope="module")
def shared(
    kafka: Kafka, postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory, forks: ForkServer
) -> Iterator[Running]:
    """A service for all tests of a module, which use ids and SKUs of their own."""
    with new_database(postgres, template) as url, new_topics(kafka) as topics:
        settings = settings_for(kafka, url, topics)
        process = ForkedService(forks, settings, tmp_path_factory.mktemp("shared"))
        try:
            yield Running(process.start().until_ready(), World(settings), settings)
            assert process.terminate() == 0, process.explain()
        finally:
            process.close()
        assert_no_secret(settings, process)


def assert_no_secret(settings: Settings, *processes: ServiceProcess) -> None:
    """Secrets are never logged."""
    password = settings.database.url.get_secret_value().split("@", maxsplit=1)[0].rsplit(":", maxsplit=1)[-1]
    for process in processes:
        assert password not in process.log()
