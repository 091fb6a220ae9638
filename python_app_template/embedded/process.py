"""An embedded server's process and temporary directory, both beneath a watchdog."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from python_app_template.embedded import watchdog
from python_app_template.embedded.account import Account
from python_app_template.embedded.errors import BackendError

_LOG_LINES = 5
_POLL_SECONDS = 0.01


class ServerProcess:
    """One server at a time, started again as often as wanted, in a directory that lives as long as this object.

    `end` is the signal with which the watchdog ends the server.
    """

    def __init__(
        self,
        name: str,
        *,
        end: signal.Signals = signal.SIGKILL,
        account: Account = Account(),  # noqa: B008 - immutable
        parent_directory: Path | None = None,
    ) -> None:
        self._name = name
        self._end = end
        self._account = account
        # Resolved: the servers print and compare real paths.
        self.directory = Path(tempfile.mkdtemp(prefix=f"{name.lower()}-", dir=parent_directory)).resolve()
        if account.user is not None and account.group is not None:
            os.chown(self.directory, account.user, account.group)
        self.log = self.directory / "server.log"
        self.pid: int | None = None
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._exited = threading.Event()
        self._exited.set()
        self.exit_status: int | None = None
        """Of the command that exited last; a signal's number, negative, if that ended it."""
        try:
            self._watchdog = subprocess.Popen(  # noqa: S603 - this interpreter, a script of this package
                [sys.executable, "-I", "-S", watchdog.__file__, str(self.directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # a terminal's Ctrl-C is not for the server
            )
        except OSError as e:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise BackendError(f"{name}: {sys.executable} can't be run for its watchdog ({e}); mend the venv") from e
        self._listener = threading.Thread(target=self._listen, name=f"{name} watchdog", daemon=True)
        self._listener.start()

    def run(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Start the command; BackendError when the system refuses."""
        self._exited.clear()
        self._order(
            run=[str(part) for part in command],
            environment=dict(environment),
            log=str(self.log),
            user=self._account.user,
            group=self._account.group,
            end=self._end,
        )
        answer = self._answers.get()
        if "pid" not in answer:
            self._exited.set()
            raise BackendError(f"{self._name} can't be run: {answer['error']}")

    def run_to_its_end(self, command: Sequence[str | Path], environment: Mapping[str, str], seconds: float) -> None:
        """Run a command that ends by itself; BackendError when it fails or takes longer."""
        self.run(command, environment)
        if not self.wait(seconds):
            raise self.fault(f"was not prepared within {seconds:g} s")
        if self.exit_status != 0:
            raise self.fault(f"could not be prepared (exit {self.exit_status})")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command, if it runs."""
        self._order(signal=number)

    def wait(self, seconds: float) -> bool:
        """Wait for the command to exit: whether it has."""
        return self._exited.wait(seconds)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.wait(60)

    def logged(self) -> int:
        """How much there is in the log, in bytes; what comes later is of a later run."""
        return self.log.stat().st_size if self.log.exists() else 0

    def await_in_log(self, text: str, since: int, seconds: float) -> None:
        """Wait for a text in the log; BackendError with the log's end when it does not come."""
        deadline = time.monotonic() + seconds
        while text.encode() not in self.log.read_bytes()[since:]:
            if self._exited.is_set():
                raise self.fault(f"exited with {self.exit_status} instead of starting")
            if time.monotonic() > deadline:
                raise self.fault(f"was not ready within {seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def fault(self, what: str) -> BackendError:
        """Make an error in one line, with the end of the log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return BackendError(f"{self._name} {what}; its log ends: {' | '.join(lines[-_LOG_LINES:]) or '(empty)'}")

    def close(self) -> None:
        """End the command and remove the directory; returns when both are gone."""
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
        self._watchdog.wait()
        self._listener.join()
        if self._watchdog.stdout is not None:
            self._watchdog.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)  # in case someone killed the watchdog

    def _order(self, **order: object) -> None:
        stdin = self._watchdog.stdin
        if stdin is None or stdin.closed:
            raise BackendError(f"{self._name} has been stopped for good; make a new one")
        try:
            stdin.write(json.dumps(order).encode() + b"\n")
            stdin.flush()
        except BrokenPipeError as e:
            raise BackendError(f"{self._name}'s watchdog is gone, and the server with it; start another") from e

    def _listen(self) -> None:
        stdout = self._watchdog.stdout
        for line in stdout or ():
            answer = json.loads(line)
            if "exit" in answer:
                self.exit_status = answer["exit"]
                self.pid = None
                self._exited.set()
            else:
                self.pid = answer.get("pid")
                self._answers.put(answer)
        self.pid = None
        self._exited.set()
        self._answers.put({"error": "its watchdog is gone"})
