"""`make bench`: the service and its peer on the same embedded servers, in one run; a table and a JSON line."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka import topics
from python_app_template.embedded import Backends, embedded_backends
from python_app_template.settings import Settings, load
from tests.benchmark.load import batches, make_topics, orders, send
from tests.benchmark.reading import Seen, read
from tests.processes import ROOT, ServiceProcess
from tests.surroundings import migrate

STAGES = ("claim", "load", "decide", "commit")
LIMIT_SECONDS = 300.0


def main() -> None:
    """Measure both, print both."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--orders", type=int, default=200_000, help="orders for the service")
    parser.add_argument("--batch-size", type=int, default=5000, help="APP_CONSUMER__BATCH_SIZE")
    parser.add_argument("--peer-seconds", type=float, default=20.0, help="how long the peer is given; 0: no peer")
    parser.add_argument("--split", action="store_true", help="worker and relay in processes of their own")
    asked = parser.parse_args()
    with embedded_backends(full_jit=True) as backends, tempfile.TemporaryDirectory() as directory:
        figures = measure_service(backends, Path(directory), asked.orders, asked.batch_size, split=asked.split)
        if asked.peer_seconds:
            figures |= measure_peer(backends, asked.peer_seconds)
            figures["ratio"] = figures["orders_per_second"] / figures["peer_orders_per_second"]
    show(figures)


def measure_service(
    backends: Backends, directory: Path, count: int, batch_size: int, *, split: bool
) -> dict[str, float]:
    """From the first decision to the last visible event, of orders that wait when the service is started."""
    settings = prepared(backends)
    servers = settings.kafka.bootstrap_servers
    stock = send(servers, settings.kafka.input_topic, batches())
    with started(settings, directory, batch_size, split=split):
        assert read(servers, settings.kafka.output_topic, stock, LIMIT_SECONDS).records == stock
    lines = send(servers, settings.kafka.input_topic, orders(count, seed=1))
    with started(settings, directory, batch_size, split=split) as services:
        seen = read(servers, settings.kafka.output_topic, lines, LIMIT_SECONDS, skip=stock)
        assert seen.records == lines, f"{seen.records} of {lines} events"
        return figures_of(services, seen, count)


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
def started(settings: Settings, directory: Path, batch_size: int, *, split: bool) -> Iterator[list[ServiceProcess]]:
    """One process with both roles, or two; ended in the end."""
    roles = ["worker", "relay"] if split else ["worker,relay"]
    more = {"APP_CONSUMER__BATCH_SIZE": str(batch_size)}
    with ExitStack() as life:
        services = [ServiceProcess(settings, directory, role, APP_ROLES=role, **more) for role in roles]
        for service in services:
            life.callback(service.close)
            service.start()
        yield services
        for service in services:
            assert service.terminate() == 0, service.explain()


def figures_of(services: list[ServiceProcess], seen: Seen, count: int) -> dict[str, float]:
    """Rates, the share of each stage, and the largest resident size that each process had."""
    worker = services[0]
    seconds = {stage: worker.metric("app_batch_duration_seconds_sum", stage=stage) for stage in STAGES}
    busy = sum(seconds.values()) or 1.0
    batches_settled = worker.metric("app_batch_messages_count") or 1.0
    return {
        "orders": count,
        "events": seen.records,
        "seconds": seen.seconds,
        "orders_per_second": count / seen.seconds,
        "events_per_second": seen.records / seen.seconds,
        "messages_per_batch": worker.metric("app_batch_messages_sum") / batches_settled,
        "service_cpu_seconds": sum(cpu_seconds(service.pid) for service in services),
        "peak_megabytes": sum(peak_megabytes(service.pid) for service in services),
        "worker_busy_share": busy / seen.seconds,
        **{f"share_{stage}": spent / busy for stage, spent in seconds.items()},
    }


def measure_peer(backends: Backends, seconds: float) -> dict[str, float]:
    """Orders per second over a fixed time: a fixed number would take for ever."""
    servers = backends.kafka.bootstrap_servers
    make_topics(servers, "peer-in", "peer-out")
    environment = {
        "PEER_DATABASE": backends.postgres.create_database("peer"),
        "PEER_KAFKA": servers,
        "PEER_INPUT": "peer-in",
        "PEER_OUTPUT": "peer-out",
    }
    os.environ |= environment
    from tests.benchmark import faststream_peer as peer  # noqa: PLC0415 - it reads its environment when imported

    asyncio.run(peer.prepare(list(batches())))
    count = int(seconds * 2000)
    send(servers, "peer-in", orders(count, seed=2))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmark.faststream_peer"],
        cwd=ROOT,
        env={**os.environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        read(servers, "peer-out", 1, 60)
        seen = read(servers, "peer-out", 10**9, seconds)
    finally:
        process.terminate()
        process.wait(20)
    return {"peer_orders_per_second": seen.orders / seen.seconds, "peer_seconds": seen.seconds}


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: int) -> float:
    """The largest resident set that the kernel saw of it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def show(figures: dict[str, Any]) -> None:
    """A table for people on standard error, a JSON line on standard output."""
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.2f}" if value < 100 else f"{value:,.0f}")
    Console(stderr=True).print(table)
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
