"""The service as it runs here: its own `main`, with a clock that can be wrong and an interpreter that can be held."""

import ctypes
import mmap
import os
import struct
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import FrameType

from python_app_template import app
from python_app_template.__main__ import main as serve
from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.roles import api, notifier, projector

ROLES = api, notifier, projector
"""Imported when somebody wants them, as a rule; here once for all processes."""

CLOCK, HELD_SECONDS = "CHAOS_CLOCK", "CHAOS_HELD_SECONDS"
"""Variables: the file that says by how many seconds the clock is wrong; for how long SIGUSR1 holds the interpreter."""

OFFSET = struct.Struct("d")


class WrongClock(SystemClock):
    """The machine's, put forward or back by what a file says."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._offset = mmap.mmap(file.fileno(), OFFSET.size, access=mmap.ACCESS_READ)

    def now(self) -> datetime:
        """UTC, or not."""
        (seconds,) = OFFSET.unpack(self._offset)
        return super().now() + timedelta(seconds=seconds)


def put_clock(path: Path, seconds: float) -> None:
    """Let the clocks that look at this file be wrong by so much."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(OFFSET.pack(seconds))


def hold_interpreter(_number: int, _frame: FrameType | None) -> None:
    """Sleep without giving up the interpreter's lock: nothing polls, while librdkafka's own threads go on.

    Who has no environment yet is not held: it would end by the missing variable, and nobody would know why.
    """
    ctypes.PyDLL(None).usleep(int(float(os.environ.get(HELD_SECONDS, "0")) * 1_000_000))


def main() -> int:
    """Serve until stopped; return the exit code. The clock is right where no file is named."""
    path = os.environ.get(CLOCK)
    return serve(run=partial(app.run, clock=WrongClock(Path(path)))) if path else serve()
