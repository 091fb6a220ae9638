"""From exec to the first commit and to the first visible event, files warm and coordinator loaded; where it goes."""

import argparse
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer
from rich.console import Console
from rich.table import Table

from python_app_template.embedded import Backends
from python_app_template.settings import Settings
from tests.benchmark.figures import spread
from tests.benchmark.importing import imports
from tests.benchmark.load import batches, orders, send
from tests.benchmark.open_loop.watcher import order_ids, tail
from tests.benchmark.surroundings import prepared, started
from tests.processes import ServiceProcess, wait_until

STEPS = {
    "settings loaded": "settings.loaded",
    "listening": "http.listening",
    "preflight passed": "preflight",
    "assigned": "partitions.assigned",
    "claimed": "partition.claimed",
    "first commit": "batch.settled",
}
"""What is reached, and the last line of the log that tells of it, up to the first batch; in this order."""
VISIBLE = "first event visible"
LIMIT_SECONDS = 60.0
SHOWN = 12
"""Packages that are named; what is left is one figure."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--times", type=int, default=20, help="how often it is started")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Seconds since exec for each step, and milliseconds that the imports take, by package."""
    settings = prepared(backends)
    kafka = settings.kafka
    with started(settings, directory) as (service,):  # the coordinators are loaded, stock is there
        stock = send(kafka.bootstrap_servers, kafka.input_topic, batches())
        wait_until(lambda: _published(service) >= stock, LIMIT_SECONDS, service.explain)
    reader = tail(kafka.bootstrap_servers, kafka.output_topic)
    starts = [Start.measured(settings, directory, reader, seed) for seed in range(asked.times)]
    reader.close()
    return {
        "seconds": {step: spread(start.seconds[step] for start in starts)._asdict() for step in starts[0].seconds},
        "imports": imports("python_app_template.__main__", SHOWN),
    }


class Start(NamedTuple):
    """One start: when each step was reached, in seconds after exec."""

    seconds: Mapping[str, float]

    @classmethod
    def measured(cls, settings: Settings, directory: Path, reader: Consumer, seed: int) -> "Start":
        """Start it with one order waiting, and end it again."""
        order = next(iter(orders(1, seed)))
        send(settings.kafka.bootstrap_servers, settings.kafka.input_topic, [order])
        service = ServiceProcess(settings, directory, f"start-{seed}")
        executed = time.time()
        service.start()
        try:
            visible = _visible(reader, str(order["order_id"]), service)
            wait_until(lambda: bool(service.lines("batch.settled")), LIMIT_SECONDS, service.explain)
            lines = service.lines()
            assert service.terminate() == 0, service.explain()
        finally:
            service.close()
        return cls({step: at - executed for step, at in (reached(lines) | {VISIBLE: visible}).items()})


def reached(lines: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """When each step was, in seconds since 1970: the last line of its kind, up to the first batch."""
    events = [line["event"] for line in lines]
    lines = lines[: events.index(STEPS["first commit"]) + 1]
    return {step: max(_at(line) for line in lines if line["event"] == event) for step, event in STEPS.items()}


def _at(line: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def _visible(reader: Consumer, order_id: str, service: ServiceProcess) -> float:
    until = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < until:
        if order_id in order_ids(reader):
            return time.time()
    raise AssertionError(service.explain())


def _published(service: ServiceProcess) -> float:
    try:
        return service.metric("app_events_published_total")
    except LookupError:
        return 0.0


def show(figures: Mapping[str, Any]) -> None:
    """Steps, then packages."""
    steps = Table("step", "seconds since exec", "least", "most")
    for step, found in figures["seconds"].items():
        steps.add_row(step, *(f"{found[figure]:.3f}" for figure in ("median", "least", "most")))
    packages = Table("import of", "ms")
    for package, milliseconds in figures["imports"].items():
        packages.add_row(package, f"{milliseconds:,.0f}")
    Console(stderr=True).print(steps, packages)
