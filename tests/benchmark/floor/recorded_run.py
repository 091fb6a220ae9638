"""Making a recording: the service settles a backlog, and everything that it asks for on the way is noted."""

from collections.abc import Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import make_url

from tests.benchmark.floor.recording import FILE
from tests.benchmark.load import LOADS, drop_topics, make_topics, produce
from tests.benchmark.sides import Grounds
from tests.benchmark.sides.service import Service, settings_for
from tests.processes import ServiceProcess, wait_until
from tests.sql import run_sql

LIMIT_SECONDS = 600.0
SEED = 1

TABLES = "SELECT string_agg(quote_ident(tablename), ',') FROM pg_tables WHERE schemaname = 'public'"
CONSUMED = "SELECT coalesce(sum(next_offset), 0)::bigint FROM positions"
PUBLISHED = "SELECT h.number = o.number FROM outbox_head h, (SELECT min(number) AS number FROM outbox) o"

_numbers = count(1)
_RUN = uuid4().hex[:8]


class Shape(NamedTuple):
    """What is recorded: how the service runs, and what it is given."""

    batch_size: int = 5000
    split: bool = True
    """Whether worker and relay have a process each."""
    load: str = "sunny"
    messages: int = 400_000

    @property
    def roles(self) -> Sequence[str]:
        """Of each process."""
        return ("worker", "relay") if self.split else ("worker,relay",)


class RecordedRun(NamedTuple):
    """What it left behind."""

    files: Sequence[Path]
    """A recording of each process."""
    template: str
    """Name of a database that is as the run found it: schema, stock, positions."""
    rows: Mapping[str, int]
    """Of each table, as the run left them."""


class RecordedService(ServiceProcess):
    """The service with its recorder around it."""

    module = "tests.benchmark.floor.recorder"


def record(servers: str, database: str, shape: Shape, directory: Path) -> RecordedRun:
    """Record a run on topics and databases of its own, on these servers. `database`: the URL of any other."""
    name = f"floor_{_RUN}_{next(_numbers)}"
    topics, template = (f"{name}-in", f"{name}-out"), f"{name}_start"
    make_topics(servers, *topics)
    grounds = Grounds(servers, create_database(database, name), *topics, name, directory)
    Service(shape.batch_size, split=shape.split).prepare(grounds)
    create_database(database, template, name)
    before = consumed(grounds.database)
    produce(servers, grounds.input_topic, islice(LOADS[shape.load](SEED), shape.messages))
    files = recorded(grounds, shape, before + shape.messages)
    rows = rows_of(grounds.database)
    run_sql(database, f'DROP DATABASE "{name}" WITH (FORCE)')
    drop_topics(servers, f"{name}-")
    return RecordedRun(files, template, rows)


def recorded(grounds: Grounds, shape: Shape, messages: int) -> list[Path]:
    """Run it until all is settled and published; return a recording of each process."""
    files = [grounds.directory / f"{number}.recording" for number in range(len(shape.roles))]
    services = [
        RecordedService(
            settings_for(grounds),
            grounds.directory,
            f"recorded-{number}",
            APP_ROLES=roles,
            APP_CONSUMER__BATCH_SIZE=str(shape.batch_size),
            **{FILE: str(file)},
        )
        for number, (roles, file) in enumerate(zip(shape.roles, files, strict=True))
    ]
    try:
        for service in services:
            service.start()
        until_settled(grounds.database, messages)
        for service in services:
            assert service.terminate() == 0, service.explain()
    finally:
        for service in services:
            service.close()
    return files


def until_settled(url: str, messages: int) -> None:
    """Wait until they are."""
    wait_until(lambda: is_settled(url, messages), LIMIT_SECONDS)


def is_settled(url: str, messages: int) -> bool:
    """Whether so many messages are consumed, and all that came of them is published."""
    return consumed(url) >= messages and bool(run_sql(url, PUBLISHED))


def consumed(url: str) -> int:
    """Count what the service has consumed, ever."""
    return int(run_sql(url, CONSUMED))


def create_database(beside: str, name: str, template: str = "template0") -> str:
    """Create one on the server of this one, as a copy of a template; its URL."""
    run_sql(beside, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return make_url(beside).set(database=name).render_as_string(hide_password=False)


def rows_of(url: str) -> dict[str, int]:
    """Count the rows of all tables."""
    tables = str(run_sql(url, TABLES)).split(",")
    return {table: int(run_sql(url, f"SELECT count(*) FROM {table}")) for table in tables}  # noqa: S608 - its own names
