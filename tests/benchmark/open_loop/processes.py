"""Sender, watcher and closed loop as processes of their own, so that none of them waits for another's interpreter."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from tests.benchmark.open_loop import closed, sender, watcher
from tests.benchmark.open_loop.schedule import NANOSECONDS
from tests.processes import ROOT

T = TypeVar("T")


class Helper:
    """A module that runs with a plan as its argument, and prints what came of it."""

    def __init__(self, module: str, plan: msgspec.Struct) -> None:
        given = msgspec.json.encode(plan).decode()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, given],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._name = module

    def until_ready(self) -> None:
        """Wait until it says that it is."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == sender.READY, f"{self._name} ended: {self._process.wait()}"

    def begin(self, at: int) -> None:
        """Tell it when its schedule begins."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"%d\n" % at)
        self._process.stdin.flush()

    def result(self, shape: type[T]) -> T:
        """Wait for its end, and return what it printed."""
        out, _ = self._process.communicate()
        assert self._process.returncode == 0, f"{self._name} ended: {self._process.returncode}"
        return msgspec.json.decode(out, type=shape)

    def close(self) -> None:
        """Leave nothing behind."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def open_loop(plan: sender.Plan) -> tuple[sender.Sent, watcher.Watched]:
    """Send as planned and watch it."""
    with helper(sender.__name__, plan) as sending, helper(watcher.__name__, plan) as watching:
        begin(sending, watching)
        return sending.result(sender.Sent), watching.result(watcher.Watched)


def sent_alone(plan: sender.Plan) -> sender.Sent:
    """Send as planned; nobody watches."""
    with helper(sender.__name__, plan) as sending:
        begin(sending)
        return sending.result(sender.Sent)


def closed_loop(flood: closed.Flood) -> closed.Sustained:
    """Send as much as is answered."""
    with helper(closed.__name__, flood) as looping:
        return looping.result(closed.Sustained)


@contextmanager
def helper(module: str, plan: msgspec.Struct) -> Iterator[Helper]:
    """Start one, and leave nothing behind."""
    started = Helper(module, plan)
    try:
        yield started
    finally:
        started.close()


def begin(*helpers: Helper) -> None:
    """Let them begin at the same time, a moment after all are ready."""
    for each in helpers:
        each.until_ready()
    at = time.monotonic_ns() + NANOSECONDS
    for each in helpers:
        each.begin(at)
