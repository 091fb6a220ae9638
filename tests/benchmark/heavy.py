"""Large things: a change that takes a million lines off a batch, messages of 1 MB, orders of 100 lines."""

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

from python_app_template.embedded import Backends
from python_app_template.settings import Settings
from tests.benchmark.load import send
from tests.benchmark.surroundings import peak_megabytes, prepared, started
from tests.processes import ServiceProcess, wait_until

LINES = 100
MEGABYTE = 10**6
LIMIT_SECONDS = 1800.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--lines", type=int, default=10**6, help="how many are taken off a batch")
    parser.add_argument("--messages", type=int, default=5000, help="how many of 1 MB, and of 100 lines")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Seconds from sending to the last acknowledged event, and the most that a process had resident by then, in MB."""
    settings = prepared(backends)
    figures: dict[str, float] = {}
    name, pad = "x" * 40, "p" * MEGABYTE
    loads: dict[str, Iterable[dict[str, object]]] = {
        "hundred_line_orders": [_order(f"{name}-{n}", LINES, name) for n in range(asked.messages)],
        "megabyte_orders": (_order(f"wide-{n}", 1, name) | {"pad": pad} for n in range(asked.messages)),
        "megabyte_dead_letters": (
            {"type": "odd", "batch_ref": "b", "pad": "p" * MEGABYTE} for _ in range(asked.messages)
        ),
        "allocating_lines": (_order(f"many-{n}", LINES, "CHAIR") for n in range(asked.lines // LINES)),
        "taking_lines_off": [{"type": "batch.quantity_changed", "batch_ref": "b", "qty": 0}],
    }
    chair = {"type": "batch.created", "batch_ref": "b", "sku": "CHAIR", "qty": 10**9, "eta": None}
    send(settings.kafka.bootstrap_servers, settings.kafka.input_topic, [chair])
    for what, messages in loads.items():
        with started(settings, directory) as (service,):
            service.until_ready()
            figures[f"{what}_seconds"] = _through(settings, service, messages)
            figures[f"{what}_megabytes"] = peak_megabytes(service.pid)
    return figures


def _order(order_id: str, lines: int, sku: str) -> dict[str, object]:
    return {"type": "order.placed", "order_id": order_id, "lines": [{"sku": sku, "qty": 1}] * lines}


def _through(settings: Settings, service: ServiceProcess, messages: Iterable[dict[str, object]]) -> float:
    wait_until(lambda: _idle(service), 60, service.explain)
    before = service.metric("app_messages_consumed_total")
    began, sent = time.monotonic(), 0

    def counted() -> Iterable[dict[str, object]]:
        nonlocal sent
        for message in messages:
            sent += 1
            yield message

    send(settings.kafka.bootstrap_servers, settings.kafka.input_topic, counted())
    wait_until(
        lambda: service.metric("app_messages_consumed_total") >= before + sent and _idle(service),
        LIMIT_SECONDS,
        service.explain,
    )
    return time.monotonic() - began


def _idle(service: ServiceProcess) -> bool:
    return service.metric("app_outbox_pending") == 0 and service.metric("app_consumer_lag") == 0
