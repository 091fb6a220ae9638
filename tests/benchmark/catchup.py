"""Millions of messages behind: the rate, and the memory, while it catches up."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from confluent_kafka import Producer

from python_app_template.embedded import Backends
from tests.benchmark.endurance import ROLES, trend
from tests.benchmark.load import batches, send
from tests.benchmark.open_loop.stream import stream
from tests.benchmark.sampling import resident_megabytes, sampled
from tests.benchmark.slope import Point
from tests.benchmark.surroundings import peak_megabytes, prepared, started
from tests.processes import ServiceProcess, wait_until

CONSUMED, PUBLISHED = "app_messages_consumed_total", "app_events_published_total"
PACE = 1000.0
"""Messages a second with which it would be given up."""
WINDOW = 10
"""Seconds that a rate is the mean of."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--millions", type=float, default=5.0, help="messages that wait")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Orders a second from the first consumed to the last published event, by time; megabytes by time."""
    settings, count = prepared(backends), int(asked.millions * 10**6)
    servers, topic = settings.kafka.bootstrap_servers, settings.kafka.input_topic
    events = send(servers, topic, batches())
    with started(settings, directory, ROLES) as (_, relay):
        wait_until(lambda: answer(relay, PUBLISHED) >= events, 60, relay.explain)
    lines = pour(servers, topic, count)
    with started(settings, directory, ROLES) as (worker, relay):
        looks: list[Callable[[], float]] = [
            partial(answer, worker, CONSUMED),
            partial(answer, relay, PUBLISHED),
            partial(resident_megabytes, worker.pid),
            partial(resident_megabytes, relay.pid),
        ]
        with sampled(looks) as (consumed, published, *memory):
            # What was sampled, not another question: the service has other things to do.
            wait_until(lambda: bool(published) and published[-1].value >= lines, count / PACE + 60, worker.explain)
        peaks = [peak_megabytes(worker.pid), peak_megabytes(relay.pid)]
    found = {
        role: {"peak_megabytes": peak} | trend(points) for role, peak, points in zip(ROLES, peaks, memory, strict=True)
    }
    return {"orders": count, "events": lines} | pace(consumed, published, count) | found


def pace(consumed: Sequence[Point], published: Sequence[Point], count: int) -> dict[str, Any]:
    """Rates over ten seconds each, and over all."""
    begun = max((point.seconds for point in consumed if point.value == 0), default=0.0)
    seconds = published[-1].seconds - begun
    rates = [
        (late.value - early.value) / (late.seconds - early.seconds)
        for early, late in pairwise(consumed[::WINDOW])
        if late.value > early.value
    ]
    return {
        "orders_per_second": count / seconds,
        "seconds": seconds,
        "window_rate_median": median(rates) if rates else 0.0,
        "window_rates": rates,
        "consumed": [(point.seconds, point.value) for point in consumed],
        "published": [(point.seconds, point.value) for point in published],
    }


def answer(service: ServiceProcess, name: str) -> float:
    """Return the metric; 0 while the service does not answer yet."""
    try:
        return service.metric(name)
    except (LookupError, httpx.HTTPError):
        return 0.0


def pour(servers: str, topic: str, count: int) -> int:
    """Produce so many orders, as fast as may be; return how many events they lead to."""
    waits = {"linger.ms": 50, "queue.buffering.max.messages": 500_000}
    producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2_random"} | waits)
    events = 0
    for order in islice(stream(seed=1), count):
        events += order.lines
        while True:
            try:
                producer.produce(topic, order.value, order.order_id)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(120) == 0, "not acknowledged"
    return events
