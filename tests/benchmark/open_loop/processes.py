"""Sender, watcher and closed loop as processes of their own, so that none of them waits for another's interpreter."""

import subprocess
import sys
from typing import TypeVar

import msgspec

from tests.benchmark.open_loop import closed, sender, watcher
from tests.processes import ROOT

T = TypeVar("T")


class Helper:
    """A module that runs with a plan as its argument, and prints what came of it."""

    def __init__(self, module: str, plan: msgspec.Struct) -> None:
        given = msgspec.json.encode(plan).decode()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, given], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._name = module

    def until_ready(self) -> None:
        """Wait until it says that it is."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == watcher.READY, f"{self._name} ended: {self._process.wait()}"

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
    """Send as planned and watch it; the plan begins once the watcher is ready."""
    watching = Helper(watcher.__name__, plan)
    try:
        watching.until_ready()
        return sent_alone(plan), watching.result(watcher.Watched)
    finally:
        watching.close()


def sent_alone(plan: sender.Plan) -> sender.Sent:
    """Send as planned; nobody watches."""
    sending = Helper(sender.__name__, plan)
    try:
        return sending.result(sender.Sent)
    finally:
        sending.close()


def closed_loop(flood: closed.Flood) -> closed.Sustained:
    """Send as much as is answered."""
    looping = Helper(closed.__name__, flood)
    try:
        return looping.result(closed.Sustained)
    finally:
        looping.close()
