"""Ten million lines: whether the pace holds, and what the tables take afterwards."""

import argparse
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from python_app_template.embedded import Backends
from tests.benchmark.load import batches, orders, send
from tests.benchmark.surroundings import peak_megabytes, prepared, started
from tests.benchmark.visible import Sample, Watch, bursts
from tests.benchmark.wal import Wal, between, place
from tests.sql import run_sql

ROLES = ("worker", "relay")
LIMIT_SECONDS = 1800.0
CHUNKS = 10
MIDDLE = (0.2, 0.9)
"""Of a chunk's events: the part that its rate is taken from, between the start and the last small batches."""
SIZES = ("outbox", "outbox_head", "positions", "products", "batches", "orders", "order_lines")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--lines", type=int, default=10**7, help="how many, two to an order on the average")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Lines per second and WAL of each tenth, each worked off by a service that finds it waiting; sizes of tables."""
    settings = prepared(backends)
    url, kafka = settings.database.url.get_secret_value(), settings.kafka
    watch = Watch(kafka.bootstrap_servers, kafka.output_topic)
    stream, rates, peaks, written = orders(asked.lines // 2, seed=1), list[float](), list[float](), list[Wal]()
    lines = 0
    for number in range(CHUNKS + 1):
        chunk = islice(stream, asked.lines // 2 // CHUNKS) if number else batches()
        events = send(kafka.bootstrap_servers, kafka.input_topic, chunk)
        before = place(url)
        with started(settings, directory, ROLES) as services:
            samples = worked_off(watch, events)
            peaks.append(max(peak_megabytes(service.pid) for service in services))
        if number:
            lines += events
            rates.append(pace(samples, events))
            written.append(between(backends.postgres, before, place(url)))
    return {
        "lines": lines,
        "lines_per_second": rates,
        "ratio": rates[-1] / rates[0],
        "wal_bytes_per_line": [wal.total * CHUNKS / lines for wal in written],
        "wal_bytes_per_line_without_images": [(wal.total - wal.images) * CHUNKS / lines for wal in written],
        "wal_share_seen": min(wal.share_seen for wal in written),
        "peak_megabytes": max(peaks),
        "outbox_rows": int(run_sql(url, "SELECT count(*) FROM outbox")),
        **{f"{name}_megabytes": megabytes(url, name) for name in SIZES},
    }


def worked_off(watch: Watch, events: int) -> Sequence[Sample]:
    """Wait until so many more are visible; markers of transactions may count for a few. Raises AssertionError."""
    begun, until = watch.sample(), time.monotonic() + LIMIT_SECONDS
    last = watch.sample_until(lambda now: now.total >= begun.total + events or now.at > until)
    assert last.total >= begun.total + events, f"{last.total - begun.total} of {events} in {LIMIT_SECONDS:g} s"
    return watch.samples[watch.samples.index(begun) :]


def pace(samples: Sequence[Sample], events: int) -> float:
    """Events per second in the middle of it, or of all where there are too few for a middle. Raises AssertionError."""
    low, high = (samples[0].total + share * events for share in MIDDLE)
    found = bursts(samples)
    middle = [sample for sample in found if low <= sample.total <= high]
    counted = middle if len(middle) > 1 else found
    assert len(counted) > 1, f"{events} events became visible at once; ask for more lines"
    return (counted[-1].total - counted[0].total) / (counted[-1].at - counted[0].at)


def megabytes(url: str, table: str) -> float:
    """With its indexes."""
    return int(run_sql(url, f"SELECT pg_total_relation_size('{table}')")) / 2**20
