"""What a round left behind: in the topics, and in the logs of the service and of the database server."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from python_app_template.audit.checker import violations
from python_app_template.audit.evidence import Evidence
from python_app_template.cli.gathering import gather
from python_app_template.service import READ_TABLES
from python_app_template.settings import Settings
from tests.chaos.catalogue import LONG_DELAYS, TRANSACTION_SECONDS
from tests.chaos.sql_faults import RAISED
from tests.chaos.tally import Struck

PUBLISHED_SECONDS = 10.0
"""All is published when this is asked for."""

FIRST = 10
"""Violations that are told of; the rest follows from them."""


def gathered(settings: Settings) -> Evidence:
    """As `audit` gathers it: the topics, the tables, positions and cursor."""
    return asyncio.run(gather(settings, READ_TABLES, PUBLISHED_SECONDS)).evidence


def wrong(evidence: Evidence) -> list[str]:
    """Hold it against the contract; a line for each of the first violations."""
    return violations(evidence)[:FIRST]


def failpoints_hit(directory: Path) -> Iterator[tuple[str, Struck]]:
    """Each hit that the processes logged, with the failpoint's name."""
    for log in directory.glob("process-*.log"):
        for line in _whole_lines(log):
            if b'"failpoint.hit"' in line:
                hit = json.loads(line)
                expires = hit["point"] in LONG_DELAYS and hit["seconds"] > TRANSACTION_SECONDS
                kind = "transaction_expired" if expires else hit["action"]
                yield hit["point"], _struck(f"failpoint.{kind}", hit["timestamp"])


def _whole_lines(log: Path, since: int = 0) -> list[bytes]:
    """The last one may be half there while its process is writing it."""
    return log.read_bytes()[since:].rpartition(b"\n")[0].splitlines()


def errors_raised(log: Path, since: int) -> Iterator[Struck]:
    """Each error of `sqlstate` faults that the server logged, behind so many bytes."""
    for line in _whole_lines(log, since):
        head, found, code = line.partition(f"ERROR:  {RAISED} ".encode())
        if found:
            day, clock, zone = head.decode().split()[:3]
            assert zone == "UTC"
            yield _struck(f"sqlstate.{code.decode()}", f"{day}T{clock}+00:00")


def halted(directory: Path) -> Iterator[str]:
    """No fault of the schedule may need a person."""
    for log in directory.glob("process-*.log"):
        for line in _whole_lines(log):
            if b'"part.halted"' in line:
                yield f"halted: {line.decode()}"


def _struck(kind: str, timestamp: str) -> Struck:
    instant = datetime.fromisoformat(timestamp).timestamp()
    return Struck(kind, instant, instant)
