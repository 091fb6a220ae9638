"""A service process that is started, dies at a failpoint or does not, and is started again."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from python_app_template.cli.proof.plan import Kill
from python_app_template.cli.running import Running, arguments
from python_app_template.embedded.ports import ReservedPort
from python_app_template.embedded.process import ServerProcess
from python_app_template.exit_codes import ExitCode

LOOK_SECONDS = 0.02
LIFE_SECONDS = 60.0
"""Until a failpoint that was not reached is one that is not reached; on a busy machine it takes 20."""


class Death(NamedTuple):
    """How a life ended. `seconds`: from its start to its end; `pid`: of whom."""

    point: str
    pid: int
    seconds: float


class NotReachedError(Exception):
    """A process did not die where it should have: what it did instead, in a line."""


class GivenUpError(Exception):
    """The whole run is over before its time, for a reason that somebody else tells."""


class Victim:
    """One process at a time. Nothing is believed of a death but what the kernel and the log say alike."""

    def __init__(self, process: ServerProcess, port: int, environment: Mapping[str, str]) -> None:
        self._process, self._environment = process, {**environment, "APP_HTTP__PORT": str(port)}
        self.service = Running(process, port)
        self.given_up = threading.Event()
        self._pid = 0
        self._since = 0
        self._began = 0.0

    def start(self, roles: str, failpoints: str = "", command: Sequence[str] = ()) -> None:
        """Start it, with these failpoints: the service, or another command."""
        self._since, self._began = self._process.logged(), time.monotonic()
        mine = {"APP_ROLES": roles, "APP_FAILPOINTS__POINTS": failpoints}
        self._process.run(command or arguments(), {**self._environment, **mine})
        self._pid = self._process.pid or 0

    def die(self, kill: Kill) -> Death:
        """Wait until it is dead of this very failpoint, or of the one that leads there. Raises NotReachedError."""
        if not self.wait(self.has_ended, LIFE_SECONDS):
            self._process.kill()
            raise NotReachedError(f"{kill.point} was not reached within {LIFE_SECONDS:g} s")
        hits = list(self._hits())
        if self._process.exit_status != -signal.SIGKILL or not hits:
            raise NotReachedError(f"{kill.point} was not reached: the process ended with {self._process.exit_status}")
        return Death(hits[-1], self._pid, time.monotonic() - self._began)

    def stop(self) -> None:
        """Ask it to finish what it has in hand. Raises CommandFailed when it does not end as it should."""
        self.wait(self._listens, LIFE_SECONDS)  # a signal that comes sooner ends Python itself
        self.service.stop()
        if self._process.exit_status != ExitCode.STOPPED:
            raise self.service.fault(f"stopped with exit code {self._process.exit_status}")

    def finish(self) -> None:
        """Wait for the end of what ends by itself. Raises CommandFailed when it is no good one."""
        if not self.wait(self.has_ended, LIFE_SECONDS):
            raise self.service.fault(f"was not done within {LIFE_SECONDS:g} s")
        if self._process.exit_status != ExitCode.STOPPED:
            raise self.service.fault(f"ended with exit code {self._process.exit_status}")

    def ask_to_stop(self) -> None:
        """Ask it to finish, and do not wait."""
        self._process.send(signal.SIGTERM)

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.wait(0)

    def wait(self, look: Callable[[], bool], seconds: float) -> bool:
        """Whether something comes true within some seconds. Raises GivenUpError."""
        deadline = time.monotonic() + seconds
        while not look():
            if self.given_up.is_set():
                raise GivenUpError
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _listens(self) -> bool:
        return self.service.get("/health/live")[0] != 0

    def _hits(self) -> Iterator[str]:
        """Yield the failpoints at which this life's log says that it ends."""
        for line in self._process.log.read_bytes()[self._since :].splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue  # what is no log line is no hit
            if row.get("event") == "failpoint.hit" and row.get("action") == "crash":
                yield str(row["point"])


@contextmanager
def victim(name: str, environment: Mapping[str, str]) -> Iterator[Victim]:
    """Make ready for a process; on leaving, end the one that lives."""
    with ReservedPort() as port:
        process = ServerProcess(name, end=signal.SIGTERM)
        found = Victim(process, port.number, environment)
        try:
            yield found
        finally:
            found.given_up.set()
            process.close()
