"""What a measurement runs on: settings with topics and schema made, processes of the service, what they used."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka import topics
from python_app_template.embedded import Backends
from python_app_template.settings import Settings, load
from tests.processes import ServiceProcess
from tests.surroundings import migrate


def prepared(backends: Backends) -> Settings:
    """Settings of the service, with topics and schema made."""
    settings = load(
        {
            "kafka.bootstrap_servers": backends.kafka.bootstrap_servers,
            "database.url": backends.postgres.create_database("service"),
        }
    )
    migrate(settings.database.url.get_secret_value())
    asyncio.run(create_topics(settings))
    return settings


async def create_topics(settings: Settings) -> None:
    """As `topics create` does."""
    await topics.create(settings, KafkaAdmin(settings))


@contextmanager
def started(
    settings: Settings, directory: Path, roles: Sequence[str] = ("worker,relay",), **variables: str
) -> Iterator[list[ServiceProcess]]:
    """A process for each of these roles; ended in the end."""
    directory.mkdir(exist_ok=True)
    with ExitStack() as life:
        services = [
            ServiceProcess(settings, directory, f"{role}-{n}", APP_ROLES=role, **variables)
            for n, role in enumerate(roles)
        ]
        for service in services:
            life.callback(service.close)
            service.start()
        yield services
        for service in services:
            assert service.terminate() == 0, service.explain()


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: int) -> float:
    """The largest resident set that the kernel saw of it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
