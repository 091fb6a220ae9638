"""What a process of the service asked of its drivers, in order, as it is kept in a file."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

START, WORKER, RELAY = "start", "worker", "relay"
"""Streams: what is asked before any part of the service runs, and by the parts of these names."""

FILE, RESULT, WHAT = "FLOOR_RECORDING", "FLOOR_RESULT", "FLOOR_WHAT"
"""Variables of a process: where the recording is or goes to; of a replay: where the result goes, which floor it is."""

WHOLE, POSTGRES, BROKER = "whole", "postgres", "broker"

FAILED = "failed"


@dataclass(slots=True)
class Call:
    """A call of a method of asyncpg's connection or, where there is a statement, of that prepared statement."""

    stream: str
    """The part of the service that asked; what one of them asks is asked one after the other."""
    at: float
    """Seconds since the recording began."""
    method: str
    statement: str | None
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    tag: str = FAILED
    """What the server said that it did (`INSERT 0 5000`); empty where the driver does not tell."""


class Produced(NamedTuple):
    """A call of a method of the producer."""

    method: str
    args: tuple[Any, ...]
    keywords: dict[str, Any]


@dataclass(slots=True)
class Transaction:
    """A Kafka transaction that was committed: what was produced in it, the cursor at its end."""

    stream: str
    records: list[Produced]

    @property
    def count(self) -> int:
        """How many records are in it, but for the cursor."""
        return sum(len(r.args[1]) if r.method == "produce_batch" else 1 for r in self.records) - 1


Act: TypeAlias = Call | Transaction


class Recording(NamedTuple):
    """All of one process."""

    acts: list[Act]
    pool: int
    """Connections that were opened, but for those with a thread of their own."""
    session: dict[str, Any]
    """What a connection is opened with, but for where to and as whom."""
    topics: list[str]
    """The topics written to: output, dead letters, positions."""


def save(recording: Recording, file: Path) -> None:
    """Write it down."""
    with file.open("wb") as stream:
        pickle.dump(recording, stream, pickle.HIGHEST_PROTOCOL)


def open_recording(file: Path) -> Recording:
    """Read it. Takes as much memory as the recorded process had in the end."""
    with file.open("rb") as stream:
        recording: Recording = pickle.load(stream)  # noqa: S301 - written by a process of ours
    return recording
