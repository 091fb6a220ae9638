"""What a service needs around it, of its own: a migrated database, four topics, and settings that lead to them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from alembic.config import Config
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin import ConfigResource as Resource  # type: ignore[attr-defined]  # public, but for the stubs
from confluent_kafka.cimpl import NewTopic

from alembic import command
from python_app_template.settings import Settings, load
from tests.processes import wait_until
from tests.servers import Kafka, Postgres

ROOT = Path(__file__).parent.parent

CONFIGS: tuple[dict[str, str], ...] = (
    {},
    {},
    {"max.message.bytes": str(2**20 + 2**17)},
    {"cleanup.policy": "compact"},
)
"""Of the four topics, in their order."""

_RUN = uuid4().hex[:8]
"""Several runs may share the servers that the caller names."""
_numbers = count(1)


class Topics(NamedTuple):
    """The four topics of a service."""

    input: str
    output: str
    dead_letter: str
    positions: str


class Partitions(NamedTuple):
    """How many each of them has; by default as the contract says."""

    input: int = 3
    output: int = 3
    dead_letter: int = 3
    positions: int = 1


AS_AGREED = Partitions()


def name_of_its_own(name: str) -> str:
    """Return a name that nothing else has, on whatever server."""
    return f"{name}_{_RUN}_{next(_numbers)}"


def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to a revision, as `alembic upgrade` does; on a thread, as this one may have an event loop."""
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    with ThreadPoolExecutor(1) as pool:
        pool.submit(command.upgrade, config, revision).result()


@contextmanager
def new_database(postgres: Postgres, template: str | None = None) -> Iterator[str]:
    """Create a database, empty or as a copy; its URL. Dropped in the end."""
    name = name_of_its_own("test")
    yield postgres.create_database(name, template)
    postgres.drop_database(name)


@contextmanager
def new_topics(kafka: Kafka, partitions: Partitions = AS_AGREED) -> Iterator[Topics]:
    """Create the four topics. Deleted in the end, those that are left."""
    number = name_of_its_own("").strip("_")
    names = Topics(*(f"{name}-{number}" for name in ("raw-push", "allocations", "raw-push.dlq", "positions")))
    create_topics(kafka, names, partitions)
    yield names
    admin = _admin(kafka)  # what it promises is void once it is gone
    for gone in admin.delete_topics(list(names)).values():
        gone.exception(30)


def create_topics(kafka: Kafka, names: Topics, partitions: Partitions = AS_AGREED) -> None:
    """Make the topics that are not there."""
    admin = _admin(kafka)
    there = admin.list_topics(timeout=30).topics
    wanted = [
        NewTopic(name, count, 1, config=config) for name, count, config in zip(names, partitions, CONFIGS, strict=True)
    ]
    if missing := [topic for topic in wanted if topic.topic not in there]:
        for made in admin.create_topics(missing).values():
            made.result(30)
        wait_until(lambda: _are_known(admin, names))  # brokers hear of topics after they have answered


def _are_known(admin: AdminClient, names: Topics) -> bool:
    """Whether the broker describes them, each partition with its leader."""
    there = admin.list_topics(timeout=30).topics
    found = [there[name].partitions.values() for name in names if name in there]
    described = admin.describe_topics(TopicCollection(list(names)), request_timeout=30)
    known = all(future.exception(30) is None for future in described.values())
    return known and len(found) == len(names) and all(p.leader >= 0 for ps in found for p in ps)


def settings_for(kafka: Kafka, database_url: str, topics: Topics, **more: object) -> Settings:
    """Settings that lead there; `more` are others, with __ for the dot."""
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
            **{name.replace("__", "."): value for name, value in more.items()},
        }
    )


def shortest_session(kafka: Kafka) -> str:
    """In milliseconds: how soon this broker may miss a member of a group of the classic protocol."""
    admin = _admin(kafka)
    broker = min(admin.list_topics(timeout=30).brokers)
    resource = Resource(Resource.Type.BROKER, str(broker))
    (asked,) = admin.describe_configs([resource]).values()
    return str(max(int(asked.result(30)["group.min.session.timeout.ms"].value), 2000))


def _admin(kafka: Kafka) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
