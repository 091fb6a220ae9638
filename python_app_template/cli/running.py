"""The service as a process of its own, beneath a watchdog, so that it never outlives the command that started it."""

import http.client
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import Secret, SecretStr

from python_app_template.cli.faults import CommandFailed
from python_app_template.embedded.ports import LOOPBACK, ReservedPort
from python_app_template.embedded.process import ServerProcess
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings, explained
from python_app_template.settings.faults import fields, value_at, variable

READY_SECONDS = 30.0
STOP_SECONDS = 30.0
ANSWER_SECONDS = 40.0
"""More than an answer may be held."""
POLL_SECONDS = 0.02
TAIL_LINES = 15


class Running:
    """A service that was started, and can be asked over HTTP."""

    def __init__(self, process: ServerProcess, port: int) -> None:
        self._process = process
        self.address = f"http://{LOOPBACK}:{port}"
        self._port = port

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """The file that it logs to."""
        return self._process.log

    def get(self, path: str) -> tuple[int, str]:
        """Ask it for something; status 0 while it does not listen."""
        return self._ask("GET", path)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Send it something; status 0 when no answer came."""
        return self._ask("POST", path, body, headers, ANSWER_SECONDS)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 5,
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=seconds)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))

    def check(self) -> None:
        """Raise CommandFailed if it has ended."""
        if self._process.wait(0):
            raise self.fault("ended by itself")

    def await_ready(self) -> None:
        """Return when it is ready. Raises CommandFailed."""
        deadline = time.monotonic() + READY_SECONDS
        while (answer := self.get("/health/ready"))[0] != http.client.OK:
            self.check()
            if time.monotonic() > deadline:
                raise self.fault(f"was not ready within {READY_SECONDS:g} s: {answer[1] or 'no answer'}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Ask it to finish what it has in hand. Raises CommandFailed when it does not."""
        self._process.send(signal.SIGTERM)
        if not self._process.wait(STOP_SECONDS):
            raise self.fault(f"did not stop within {STOP_SECONDS:g} s")

    def fault(self, what: str) -> CommandFailed:
        """Return what to say, with the end of the log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        tail = "\n".join(f"  | {line}" for line in lines[-TAIL_LINES:])
        return CommandFailed(f"the service {what}; its log ends:\n{tail or '  (empty)'}", ExitCode.ERROR)


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    """Start the service, wait until it is ready; on leaving, end it. Raises CommandFailed."""
    with ReservedPort() as port:
        process = ServerProcess("Service", end=signal.SIGTERM)
        try:
            process.run(arguments(), environment_of(settings) | {"APP_HTTP__PORT": str(port.number)})
            service = Running(process, port.number)
            service.await_ready()
            yield service
        finally:
            process.close()


def arguments() -> Sequence[str]:
    """Return how a service is started."""
    return [sys.executable, "-m", "python_app_template"]


def environment_of(settings: Settings) -> dict[str, str]:
    """Return what leads a process to the same settings, whatever else is set outside."""
    outside = {name: value for name, value in os.environ.items() if not name.upper().startswith("APP_")}
    set_here = {row.name: row.value for row in explained(settings) if row.origin != "default"}
    return outside | set_here | _secrets(settings) | {"APP_HTTP__HOST": LOOPBACK, "APP_LOG__FORMAT": "console"}


def _secrets(settings: Settings) -> dict[str, str]:
    """Return what is masked wherever else it is asked for."""
    values = {variable(path): value_at(settings, path) for path, _ in fields(type(settings))}
    return {name: value.get_secret_value() for name, value in values.items() if isinstance(value, Secret | SecretStr)}
