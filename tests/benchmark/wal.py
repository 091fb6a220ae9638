"""What PostgreSQL wrote ahead between two places of its log, with and without images of full pages (`pg_waldump`)."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from python_app_template.embedded import EmbeddedPostgres
from tests.sql import run_sql

SEGMENT = 16 * 2**20
TOTAL = re.compile(r"^Total\s+(\d+)\s+(\d+) \[[\d.]+%\]\s+(\d+) \[[\d.]+%\]", re.MULTILINE)
LIMIT_SECONDS = 120


class Wal(NamedTuple):
    """Bytes between two places."""

    total: int
    images: float
    """Of full pages: what the first change of a page after a checkpoint costs. By the share in what is still there."""
    share_seen: float
    """Of the log that a checkpoint had not removed by then."""


def place(url: str) -> int:
    """Where the log stands, in bytes."""
    return int(run_sql(url, "SELECT pg_current_wal_insert_lsn() - '0/0'"))


def between(postgres: EmbeddedPostgres, start: int, end: int) -> Wal:
    """Read it all; takes a second for 300 MB."""
    run_sql(postgres.url(), "SELECT pg_switch_wal()")  # so that the last pages are written
    oldest = next(at for at in range(start - start % SEGMENT, end, SEGMENT) if segment(postgres.data, at).exists())
    first = max(start, oldest)
    records, images = totals(postgres, first, end)
    share = images / (records + images) if records else 0.0
    return Wal(end - start, (end - start) * share, (end - first) / (end - start))


def totals(postgres: EmbeddedPostgres, start: int, end: int) -> tuple[int, int]:
    """Return the bytes of records without images, and those of images."""
    command = [
        str(postgres.programs / "pg_waldump"),
        "--stats",
        f"--path={postgres.data / 'pg_wal'}",
        f"--start={lsn(start)}",
        f"--end={lsn(end)}",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS).stdout
    return parsed(said)


def parsed(said: str) -> tuple[int, int]:
    """Find both in what `pg_waldump --stats` says. Raises AssertionError."""
    found = TOTAL.search(said)
    assert found, f"no total in {said[-300:]}"
    return int(found[2]), int(found[3])


def lsn(at: int) -> str:
    """Write a place as PostgreSQL does."""
    return f"{at >> 32:X}/{at & 0xFFFFFFFF:X}"


def segment(data: Path, at: int) -> Path:
    """Return the file that has a place, on the first timeline, or had it: it is another one when it was recycled."""
    return data / "pg_wal" / f"00000001{at >> 32:08X}{(at & 0xFFFFFFFF) // SEGMENT:08X}"
