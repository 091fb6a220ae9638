"""Memory by time, of worker and relay each in a process of its own: at a steady rate, and at full rate."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from python_app_template.embedded import Backends
from python_app_template.settings import Settings
from tests.benchmark.load import batches, send
from tests.benchmark.open_loop.closed import Flood
from tests.benchmark.open_loop.processes import closed_loop, sent_alone
from tests.benchmark.open_loop.sender import Plan
from tests.benchmark.sampling import resident_megabytes, sampled
from tests.benchmark.slope import Point, blocks, slope
from tests.benchmark.surroundings import peak_megabytes, prepared, started
from tests.processes import ServiceProcess, wait_until

ROLES = ("worker", "relay")
THROWN_AWAY = 60.0
"""Seconds at the beginning: caches fill, the allocator finds its size."""
LEAST_MINUTES = 2.0
BLOCK_SECONDS = 10.0
LIMIT_SECONDS = 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--rate", type=float, default=5000.0, help="orders a second")
    parser.add_argument("--minutes", type=minutes, default=30.0, help="at that rate")
    parser.add_argument("--full-minutes", type=minutes, default=5.0, help="at full rate, afterwards")


def minutes(text: str) -> float:
    """Read how many; the first does not count, and a slope needs a few points."""
    if 0 < (found := float(text)) < LEAST_MINUTES:
        raise argparse.ArgumentTypeError(f"{text}: at least {LEAST_MINUTES:g}, or 0")
    return found


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Megabytes a minute with their interval, and the peak, of each process."""
    settings, found = prepared(backends), dict[str, Any]()
    stock = send(settings.kafka.bootstrap_servers, settings.kafka.input_topic, batches())
    with started(settings, directory, ROLES) as services:
        for service in services:
            service.until_ready()
        if asked.minutes:
            found["steady"] = watched(services, partial(at_rate, settings, asked.rate, asked.minutes * 60))
            await_published(services[1], stock + found["steady"]["events"])
        if asked.full_minutes:
            first = int(asked.rate * asked.minutes * 60)
            found["full"] = watched(services, partial(at_full_rate, settings, asked.full_minutes * 60, first))
    return found


def await_published(relay: ServiceProcess, events: int) -> None:
    """Wait until all of them are: what is sent at a rate that can't be held is no steady state."""
    wait_until(lambda: relay.metric("app_events_published_total") >= events, LIMIT_SECONDS, relay.explain)


def watched(services: Sequence[ServiceProcess], work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Memory of the processes while the work is done."""
    with sampled([partial(resident_megabytes, service.pid) for service in services]) as series:
        found = work()
    for role, service, points in zip(ROLES, services, series, strict=True):
        found[role] = {"peak_megabytes": peak_megabytes(service.pid)} | trend(points)
    return found


def trend(points: Sequence[Point]) -> dict[str, Any]:
    """The slope after the first minute, and the points for a plot."""
    settled = [point for point in points if point.seconds >= THROWN_AWAY]
    fitted = slope([*blocks(settled, BLOCK_SECONDS)])
    return {
        "megabytes_a_minute": fitted.per_minute,
        "megabytes_a_minute_low": fitted.low,
        "megabytes_a_minute_high": fitted.high,
        "seconds": [point.seconds for point in points],
        "megabytes": [point.value for point in points],
    }


def at_rate(settings: Settings, rate: float, seconds: float) -> dict[str, Any]:
    """Send orders as they are due; nobody reads what comes of them."""
    kafka = settings.kafka
    plan = Plan(kafka.bootstrap_servers, kafka.input_topic, kafka.output_topic, rate, int(rate * seconds))
    sent = sent_alone(plan)
    return {"orders": plan.count, "events": sent.events, "lateness_milliseconds": sent.lateness}


def at_full_rate(settings: Settings, seconds: float, first: int) -> dict[str, Any]:
    """Send as much as is answered."""
    kafka = settings.kafka
    flood = Flood(kafka.bootstrap_servers, kafka.input_topic, kafka.output_topic, seconds, first, until_steady=False)
    done = closed_loop(flood)
    assert done.missing == 0, f"{done.missing} events did not come"
    return {"orders": done.sent, "events": done.events, "orders_per_second": done.windows}


def show(figures: Mapping[str, Any]) -> None:
    """A row for each process, at each rate."""
    table = Table("rate", "process", "peak MB", "MB a minute", "95 % between")
    for rate, found in figures.items():
        for role in ROLES:
            memory = found[role]
            between = f"{memory['megabytes_a_minute_low']:.2f} and {memory['megabytes_a_minute_high']:.2f}"
            table.add_row(
                rate, role, f"{memory['peak_megabytes']:,.0f}", f"{memory['megabytes_a_minute']:.2f}", between
            )
    Console(stderr=True).print(table)
