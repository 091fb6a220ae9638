"""What everybody had used by a moment, and the difference of two: the figures that stand beside each rate."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from python_app_template.embedded import Backends
from tests.benchmark import cpu, wal
from tests.benchmark.sides import Grounds
from tests.benchmark.surroundings import cpu_seconds, peak_megabytes
from tests.sql import run_sql

BROKERS_OWN = {"__consumer_offsets", "__transaction_state"}

SQL = """
SELECT json_build_object(
    'checkpoints', (SELECT num_timed + num_requested FROM pg_stat_checkpointer),
    'pages_by_checkpoints', (SELECT buffers_written FROM pg_stat_checkpointer),
    'autovacuum_runs', (SELECT coalesce(sum(autovacuum_count + autoanalyze_count), 0) FROM pg_stat_user_tables),
    'transactions', (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
    'database_bytes', pg_database_size(current_database()),
    'wal_place', pg_current_wal_insert_lsn() - '0/0'
)
"""


class Processes(NamedTuple):
    """Whose processor time is told apart."""

    side: Sequence[int]
    postgres: int
    broker: int


class Counters(NamedTuple):
    """By a moment: seconds of processor time, what PostgreSQL counts, bytes on disk."""

    at: float
    """By `time.monotonic()`."""
    side: Sequence[float]
    postgres: Mapping[str, float]
    broker: float
    watcher: float
    """This process: it asks for offsets and counts nothing else meanwhile."""
    machine: cpu.Machine
    counted: Mapping[str, int]
    kafka_bytes: int
    page_cache: Mapping[str, float]


def processes(backends: Backends, side: Sequence[int]) -> Processes:
    """Of these servers, and this side."""
    assert backends.postgres.pid
    assert backends.kafka.pid
    return Processes(side, backends.postgres.pid, backends.kafka.pid)


def read(backends: Backends, grounds: Grounds, running: Processes) -> Counters:
    """Takes some 50 ms."""
    return Counters(
        at=time.monotonic(),
        side=[cpu.of_tree(pid) for pid in running.side],
        postgres=cpu.of_postgres(running.postgres),
        broker=cpu.of_tree(running.broker),
        watcher=cpu_seconds(os.getpid()),
        machine=cpu.machine(),
        counted={name: int(value) for name, value in json.loads(run_sql(grounds.database, SQL)).items()},
        kafka_bytes=kafka_bytes(backends.kafka.data, grounds),
        page_cache=page_cache(),
    )


def kafka_bytes(data: Path, grounds: Grounds) -> int:
    """Bytes of records in a side's own topics but its input, and in those where the broker keeps its groups' state.

    Not those of the sides before it: their logs stay for a minute after their topics are deleted, and would be missed
    in the midst of this one.
    """
    logs = (log for log in data.glob("*/*.log") if is_written_by(grounds, log.parent.name.rpartition("-")[0]))
    return sum(log.stat().st_size for log in logs)


def is_written_by(grounds: Grounds, topic: str) -> bool:
    """Whether what a side does makes this topic longer."""
    own = topic.startswith(f"{grounds.group}-") and topic != grounds.input_topic
    return own or topic in BROKERS_OWN


def used(backends: Backends, parts: Sequence[str], before: Counters, after: Counters) -> dict[str, Any]:
    """What was used between two moments: seconds of processor time, bytes, runs."""
    counted = {name: value - before.counted[name] for name, value in after.counted.items()}
    written = wal.between(backends.postgres, before.counted["wal_place"], after.counted["wal_place"])
    return {
        "cpu_seconds": cpu_used(parts, before, after),
        "wal_bytes": written.total,
        "wal_bytes_without_images": written.total - written.images,
        "wal_share_seen": written.share_seen,
        "kafka_bytes": after.kafka_bytes - before.kafka_bytes,
        "disk_bytes": counted["database_bytes"] + after.kafka_bytes - before.kafka_bytes,
        "stolen_seconds": after.machine.stolen - before.machine.stolen,
        **{name: counted[name] for name in ("checkpoints", "pages_by_checkpoints", "autovacuum_runs", "transactions")},
        **after.page_cache,
    }


def cpu_used(parts: Sequence[str], before: Counters, after: Counters) -> dict[str, float]:
    """Seconds of the side's processes, by their names if they have any; of the servers, the watcher, the machine."""
    each = [b - a for a, b in zip(before.side, after.side, strict=True)]
    named = dict(zip(parts, each, strict=True)) if parts else {}
    postgres = {kind: seconds - before.postgres.get(kind, 0.0) for kind, seconds in after.postgres.items()}
    return {
        "side": sum(each),
        **named,
        "postgres": sum(postgres.values()),
        **{f"postgres, {kind}": seconds for kind, seconds in sorted(postgres.items())},
        "broker": after.broker - before.broker,
        "watcher": after.watcher - before.watcher,
        "machine": after.machine.busy - before.machine.busy,
    }


def page_cache() -> dict[str, float]:
    """Megabytes of files that the kernel holds, and of those that are still to be written."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    found = {line.partition(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    return {"page_cache_megabytes": found["Cached"], "dirty_megabytes": found["Dirty"]}


def peaks(pids: Sequence[int]) -> list[float]:
    """The most that each process had resident, its children's added, in MB."""
    return [sum(map(peak_of, [pid, *cpu.children(pid)])) for pid in pids]


def peak_of(pid: int) -> float:
    """Of one; 0 when it has ended."""
    try:
        return peak_megabytes(pid)
    except (FileNotFoundError, ProcessLookupError, StopIteration):  # a zombie has no such line
        return 0.0
