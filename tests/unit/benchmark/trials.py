"""Runs as a contest leaves them."""

from typing import Any

from tests.benchmark.trial import Trial

CPU = {"side": 2.0, "worker": 1.5, "relay": 0.5, "postgres": 1.0, "broker": 1.0, "watcher": 0.1, "machine": 5.0}
USED = {
    "cpu_seconds": CPU,
    "wal_bytes": 20_000,
    "wal_bytes_without_images": 15_000,
    "kafka_bytes": 5_000,
    "disk_bytes": 10_000,
    "stolen_seconds": 0.1,
    "checkpoints": 1,
    "autovacuum_runs": 2,
    "page_cache_megabytes": 100.0,
}


def trial(side: str, rate: float, **more: Any) -> Trial:
    """Ten seconds of a side."""
    given: dict[str, Any] = {
        "guarantee": "exactly once",
        "setup": "one process; batches of 5,000",
        "orders_per_second": rate,
        "events_per_second": 2 * rate,
        "seconds": 10.0,
        "first_seconds": 1.0,
        "windows": [rate, rate, rate],
        "steady": True,
        "dry": False,
        "backlog": 1000,
        "used": USED,
        "peak_megabytes": [100.0, 50.0],
        "violations": [],
        "judged": True,
        "kind": side,
    }
    return Trial(side=side, **given | more)
