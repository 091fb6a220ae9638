"""Where a story is played: a database and topics of its own, processes of one version of the service, what they did."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from python_app_template.settings import Settings
from tests.clients import World
from tests.e2e.accounting import Told, violations
from tests.processes import ServiceProcess, wait_until
from tests.seeded.copying import variables as variables_of
from tests.servers import Kafka, Postgres
from tests.sql import run_sql
from tests.surroundings import Partitions, new_database, new_topics, settings_for

SECONDS = 60.0

SETTINGS = {"APP_KAFKA__INPUT_PARTITIONS": "2", "APP_RETRY__FIRST_SECONDS": "0.02"}

PENDING = "SELECT h.number - (SELECT min(number) FROM outbox) FROM outbox_head h"
"""The row that was published last stays."""


@dataclass
class Stage:
    """`root` has the version of the service that is played."""

    settings: Settings
    kafka: Kafka
    postgres: Postgres
    directory: Path
    root: Path
    services: list[ServiceProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.settings)

    @property
    def url(self) -> str:
        """The database's address."""
        return self.settings.database.url.get_secret_value()

    def start(self, name: str, **variables: str) -> ServiceProcess:
        """Start a process of the service."""
        service = ServiceProcess(
            self.settings, self.directory, name, **SETTINGS, **variables_of(self.root), **variables
        )
        self.services.append(service)
        return service.start()

    def sql(self, *statements: str) -> Any:
        """Run statements in the database."""
        return run_sql(self.url, *statements)

    def send(self, *messages: dict[str, Any], partition: int = 0) -> None:
        """Send messages to a partition."""
        self.world.send(*messages, partition=partition)

    def garbage(self, number: int) -> None:
        """Send what is no message."""
        self.world.send_records([(b"{", b"garbage-%d" % n, ()) for n in range(number)], 0)

    def until_done(self) -> bool:
        """Wait until all is consumed and published, or it is plain that it never will be; whether it is done."""
        wait_until(lambda: self.is_done() or bool(self.broken()), SECONDS, self.explain)
        return self.is_done()

    def is_done(self) -> bool:
        """Whether every message that was sent is consumed, and every row published."""
        return self.is_consumed() and bool(self.sql(f"SELECT ({PENDING}) = 0"))

    def is_consumed(self) -> bool:
        """Whether every message that was sent is behind the positions."""
        ends: dict[int, int] = {}
        for message in self.world.sent:
            ends[message.partition] = max(ends.get(message.partition, 0), message.offset + 1)
        behind = [f"(SELECT next_offset FROM positions WHERE partition = {p}) = {end}" for p, end in ends.items()]  # noqa: S608
        return bool(self.sql(f"SELECT {' AND '.join(behind)}"))

    def broken(self) -> list[str]:
        """Return what a person would see: processes that ended by themselves, parts that halted."""
        ended = [f"{s.explain()}\nexit code {s.wait()}" for s in self.services if not s.running]
        halts = [line["detail"] for service in self.services for line in service.lines("part.halted")]
        return ended + halts

    def findings(self) -> list[str]:
        """Return everything that is wrong: what a person sees, and what the checker says."""
        told = Told(self.world.sent, self.world.all_events(), self.world.all_dead_letters())
        return self.broken() + violations(told)

    def hit(self, service: ServiceProcess, point: str) -> bool:
        """Whether a process has reached a failpoint at which something was to happen."""
        return any(line["point"] == point for line in service.lines("failpoint.hit"))

    def explain(self) -> str:
        """What all processes wrote."""
        return "".join(service.explain() for service in self.services)


@contextmanager
def staged(kafka: Kafka, postgres: Postgres, template: str, directory: Path, root: Path) -> Iterator[Stage]:
    """A stage whose processes are ended in the end."""
    with new_database(postgres, template) as url, new_topics(kafka, Partitions(input=2)) as topics:
        stage = Stage(settings_for(kafka, url, topics), kafka, postgres, directory, root)
        try:
            yield stage
        finally:
            for service in stage.services:
                service.close()
