"""Orders per second, beside FastStream with a transaction per message, on the same servers in one run."""

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path

from python_app_template.embedded import Backends
from tests.benchmark.load import batches, make_topics, orders, send
from tests.benchmark.reading import Seen, read
from tests.benchmark.surroundings import cpu_seconds, peak_megabytes, prepared, started
from tests.processes import ROOT, ServiceProcess

STAGES = ("claim", "load", "decide", "commit")
LIMIT_SECONDS = 300.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--orders", type=int, default=200_000, help="orders for the service")
    parser.add_argument("--batch-size", type=int, default=5000, help="APP_CONSUMER__BATCH_SIZE")
    parser.add_argument("--peer-seconds", type=float, default=20.0, help="how long the peer is given; 0: no peer")
    parser.add_argument("--split", action="store_true", help="worker and relay in processes of their own")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Both, and the ratio."""
    figures = measure_service(backends, directory, asked.orders, asked.batch_size, split=asked.split)
    if asked.peer_seconds:
        figures |= measure_peer(backends, asked.peer_seconds)
        figures["ratio"] = figures["orders_per_second"] / figures["peer_orders_per_second"]
    return figures


def measure_service(
    backends: Backends, directory: Path, count: int, batch_size: int, *, split: bool
) -> dict[str, float]:
    """From the first decision to the last visible event, of orders that wait when the service is started."""
    settings = prepared(backends)
    roles = ("worker", "relay") if split else ("worker,relay",)
    size = {"APP_CONSUMER__BATCH_SIZE": str(batch_size)}
    servers = settings.kafka.bootstrap_servers
    stock = send(servers, settings.kafka.input_topic, batches())
    with started(settings, directory, roles, **size):
        assert read(servers, settings.kafka.output_topic, stock, LIMIT_SECONDS).records == stock
    lines = send(servers, settings.kafka.input_topic, orders(count, seed=1))
    with started(settings, directory, roles, **size) as services:
        seen = read(servers, settings.kafka.output_topic, lines, LIMIT_SECONDS, skip=stock)
        assert seen.records == lines, f"{seen.records} of {lines} events"
        return figures_of(services, seen, count)


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
