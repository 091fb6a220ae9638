"""What an order costs, by measurement where there is one, else as indicated."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tests.benchmark.baseline import BASELINE, read
from tests.benchmark.reporting.measurements import REFERENCE, Measurements

LINES: Final = 2.0
"""Of an order, on the average: 1 to 3."""


class Cost(msgspec.Struct, frozen=True):
    """A figure and where it is from."""

    value: float
    source: str


class UnitCosts(msgspec.Struct, frozen=True):
    """CPU in seconds of one core for a million orders; bytes for one."""

    worker_cpu: Cost
    relay_cpu: Cost
    postgres_cpu: Cost
    broker_cpu: Cost
    message_bytes: Cost
    """Of `raw-push`: key, value and what Kafka adds."""
    event_bytes: Cost
    """Of an event, uncompressed."""
    published_bytes: Cost
    """Of all events of an order as they lie in the broker's log."""
    sent_bytes: Cost
    """From the worker to PostgreSQL."""
    wal_bytes: Cost
    database_bytes: Cost
    """That stay: tables and indexes grow by it."""


INDICATIVE: Final = "indicative: a short run on a busy machine, the broker's JIT still at work"

INDICATED: Final = UnitCosts(
    worker_cpu=Cost(45.0, INDICATIVE),
    relay_cpu=Cost(20.0, INDICATIVE),
    postgres_cpu=Cost(24.0, INDICATIVE),
    broker_cpu=Cost(27.0, INDICATIVE),
    message_bytes=Cost(180, "counted: 24 of key, 86 to 160 of value, some 40 of framing"),
    event_bytes=Cost(387, "`tests/benchmark/baseline.json`"),
    published_bytes=Cost(187, INDICATIVE),
    sent_bytes=Cost(1192, "`tests/benchmark/baseline.json`"),
    wal_bytes=Cost(2048, "`tests/benchmark/baseline.json`: without full-page images"),
    database_bytes=Cost(604, "indicative: tables and indexes after 6 million lines"),
)


def unit_costs(found: Measurements) -> UnitCosts:
    """Return what is indicated, with all that was measured in its place."""
    return msgspec.structs.replace(INDICATED, **dict(_counted()), **dict(_measured(found)))


def _counted() -> Iterator[tuple[str, Cost]]:
    """What `make bench-quick` holds: the same on every machine."""
    servers, source = read(BASELINE).get("servers", {}), "`tests/benchmark/baseline.json`"
    if servers:
        wal = servers["worker/orders/WAL bytes per line"] + servers["relay/orders/WAL bytes per line"]
        yield "event_bytes", Cost(servers["relay/orders/bytes per event"], source)
        yield "sent_bytes", Cost(servers["worker/orders/bytes sent per batch"] / 500, source)
        yield "wal_bytes", Cost(wal * LINES, f"{source}: without full-page images")


def _measured(found: Measurements) -> Iterator[tuple[str, Cost]]:
    """What the contest says of the service under the sunny load, and what history weighs."""
    if service := found.side(*REFERENCE):
        cpu: Mapping[str, Any] = service.cpu_seconds
        source = "`throughput.json`"
        for who in ("worker", "relay", "postgres", "broker"):
            if who in cpu:
                yield f"{who}_cpu", Cost(cpu[who], source)
        yield "published_bytes", Cost(service.kafka_bytes_per_order, f"{source}: compressed, markers and cursors too")
    if growth := found.figures("growth"):
        megabytes = growth["orders_megabytes"] + growth["order_lines_megabytes"]
        yield (
            "database_bytes",
            Cost(megabytes * 2**20 / growth["lines"] * LINES, "`growth.json`: orders and their lines"),
        )
