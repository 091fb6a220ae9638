"""One guarded broker for the tests of a run's process, and settings that lead through its doors."""

import os
from collections.abc import Iterator

import pytest

from python_app_template.settings import Settings
from tests.security.documented import kafka_acls
from tests.security.kafka.guarded import SERVICE, Guarded, Rights, grants, guarded_broker
from tests.surroundings import Topics, new_topics, settings_for


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_broker(tmp_path_factory.mktemp("guarded")) as broker:
        yield broker


@pytest.fixture
def topics(guarded: Guarded) -> Iterator[Topics]:
    with new_topics(guarded.kafka) as names:
        yield names


@pytest.fixture
def settings(guarded: Guarded, database_url: str, topics: Topics) -> Settings:
    """Through the plain listener, where the tests may do everything."""
    return settings_for(guarded.kafka, database_url, topics)


@pytest.fixture
def rights(guarded: Guarded) -> Rights:
    return Rights(guarded.kafka)


@pytest.fixture
def documented(settings: Settings) -> list[str]:
    """The documented lines for the service, with the test's own names."""
    kafka = settings.kafka
    own = {
        "raw-push.dlq": kafka.dead_letter_topic,
        "raw-push": kafka.input_topic,
        "allocations.positions": str(kafka.positions_topic),
        "allocations": kafka.output_topic,
        "python-app-template": kafka.group_id,
        "TRANSACTIONAL_ID": transactional_id(settings),
    }
    return [" ".join(own.get(word, word) for word in line.split()) for line in kafka_acls(SERVICE)]


def transactional_id(settings: Settings) -> str:
    return f"relay-{settings.kafka.group_id}"


@pytest.fixture
def granted(rights: Rights, documented: list[str]) -> Iterator[list[str]]:
    """Those rights given, and nothing else; taken back in the end, whatever of them is left."""
    rights.grant(grants(documented))
    yield documented
    rights.revoke_all()


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("APP_") and not name.startswith("APP_TEST_")]:
        monkeypatch.delenv(name)
