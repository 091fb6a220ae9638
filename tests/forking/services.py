"""Service processes out of a fork server; otherwise as `tests.processes` has them."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from python_app_template.settings import Settings
from tests.processes import ROOT, Process, ServiceProcess


class Forked(Process):
    """One child of the fork server; looks like a Popen."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._status: int | None = None
        self._ended = threading.Event()

    @property
    def pid(self) -> int:
        return self._pid

    def poll(self) -> int | None:
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("service", timeout or 0)
        assert self._status is not None
        return self._status

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def ended(self, status: int) -> None:
        """Be told of the end."""
        self._status = status
        self._ended.set()


class ForkServer:
    """Lives while it is entered, and all that it started with it."""

    def __enter__(self) -> Self:
        self._children: dict[int, Forked] = {}
        self._born: queue.SimpleQueue[Forked] = queue.SimpleQueue()
        self._one_at_a_time = threading.Lock()
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.forking.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._zygote.stdin
        assert self._zygote.stdout
        self._zygote.stdin.close()
        self._zygote.wait(30)
        self._listener.join()
        self._zygote.stdout.close()

    def fork(self, environment: dict[str, str], log: str) -> Forked:
        """Start the service with these variables."""
        assert self._zygote.stdin
        order = json.dumps({"environment": environment, "log": log}).encode() + b"\n"
        with self._one_at_a_time:
            self._zygote.stdin.write(order)
            self._zygote.stdin.flush()
            return self._born.get(timeout=60)

    def _listen(self) -> None:
        assert self._zygote.stdout
        for line in self._zygote.stdout:
            answer: dict[str, Any] = json.loads(line)
            if "exit" in answer:
                self._children.pop(answer["pid"]).ended(answer["exit"])
            else:
                self._children[answer["pid"]] = Forked(answer["pid"])
                self._born.put(self._children[answer["pid"]])


class ForkedService(ServiceProcess):
    """A service whose starts are cheap."""

    def __init__(
        self, forks: ForkServer, settings: Settings, directory: Path, name: str = "service", **variables: str
    ) -> None:
        super().__init__(settings, directory, name, **variables)
        self._forks = forks

    def _launch(self, log: IO[bytes]) -> Process:
        return self._forks.fork(self.environment, log.name)
