"""Processor time by who used it: trees of processes, and what PostgreSQL's processes call themselves."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.benchmark.surroundings import cpu_seconds

TICKS = os.sysconf("SC_CLK_TCK")
BESIDES = ("checkpointer", "background writer", "walwriter", "autovacuum", "io worker")
"""PostgreSQL's processes that serve no session."""


class Machine(NamedTuple):
    """Processor time of the whole machine, in seconds."""

    busy: float
    stolen: float
    """What the host gave to others while we wanted it."""


def machine() -> Machine:
    """Since it was started."""
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return Machine((user + nice + system + irq + soft) / TICKS, steal / TICKS)


def of_tree(pid: int) -> float:
    """Seconds of a process and its children, those that have ended too."""
    return cpu_seconds(pid) + reaped(pid) + sum(map(of_one, children(pid)))


def of_postgres(postmaster: int) -> Mapping[str, float]:
    """Seconds by what processes do; sessions that ended are in `sessions`, with the postmaster's own."""
    found = defaultdict[str, float](float, sessions=cpu_seconds(postmaster) + reaped(postmaster))
    for pid in children(postmaster):
        found[kind(title(pid))] += of_one(pid)
    return found


def kind(title: str) -> str:
    """Say what a PostgreSQL process does, by its title: `postgres: checkpointer`."""
    return next((one for one in BESIDES if title.startswith(f"postgres: {one}")), "sessions")


def reaped(pid: int) -> float:
    """Seconds of the children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICKS


def of_one(pid: int) -> float:
    """Seconds of one process with its ended children; 0 when it has ended itself: its parent has them then."""
    try:
        return cpu_seconds(pid) + reaped(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def children(pid: int) -> Sequence[int]:
    """Of a process, and theirs."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def title(pid: int) -> str:
    """What it calls itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
