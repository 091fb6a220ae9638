"""Ten million lines: what the tables take afterwards, and whether the pace holds."""

import argparse
import time
from itertools import islice
from pathlib import Path

from python_app_template.embedded import Backends
from tests.benchmark.load import batches, orders, send
from tests.benchmark.surroundings import peak_megabytes, prepared, started
from tests.processes import wait_until
from tests.sql import run_sql

LIMIT_SECONDS = 1800.0
CHUNKS = 10
SIZES = ("outbox", "outbox_head", "positions", "products", "batches", "orders", "order_lines")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--lines", type=int, default=10**7, help="how many, two to an order on the average")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Megabytes of each table with its indexes, and lines per second in the first and the last tenth."""
    settings = prepared(backends)
    url = settings.database.url.get_secret_value()
    servers, topic = settings.kafka.bootstrap_servers, settings.kafka.input_topic
    events = send(servers, topic, batches())
    stream = orders(asked.lines // 2, seed=1)
    rates = []
    with started(settings, directory) as (service,):
        service.until_ready()
        for _ in range(CHUNKS):
            lines = send(servers, topic, islice(stream, asked.lines // 2 // CHUNKS))
            began, before = time.monotonic(), service.metric("app_events_published_total")
            events += lines
            wanted = events
            wait_until(
                lambda: service.metric("app_events_published_total") >= wanted,  # noqa: B023 - asked at once
                LIMIT_SECONDS,
                service.explain,
            )
            rates.append((events - before) / (time.monotonic() - began))
        peak = peak_megabytes(service.pid)
        sizes = {
            f"{name}_megabytes": int(run_sql(url, f"SELECT pg_total_relation_size('{name}')")) / 2**20 for name in SIZES
        }
        outbox_rows = int(run_sql(url, "SELECT count(*) FROM outbox"))
    return {
        "lines": events,
        "first_tenth_lines_per_second": rates[0],
        "last_tenth_lines_per_second": rates[-1],
        "ratio": rates[-1] / rates[0],
        "service_megabytes": peak,
        "outbox_rows": outbox_rows,
        **sizes,
    }
