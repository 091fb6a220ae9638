"""The service as a process of its own, as an operator would start it."""

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, Self

import httpx
from prometheus_client.parser import text_string_to_metric_families

from python_app_template.settings import Settings

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 40.0
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of plain HTTP: to load the machine's authorities takes each of them 30 ms of the processor."""
ASKING = httpx.Client(timeout=5, verify=PLAIN, limits=httpx.Limits(max_keepalive_connections=0))


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """Variables that lead a process to the servers and topics of these settings; secrets in clear."""
    kafka = settings.kafka
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("APP_")},
        "APP_ENVIRONMENT": "test",
        "APP_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "APP_KAFKA__GROUP_ID": kafka.group_id,
        "APP_KAFKA__INPUT_TOPIC": kafka.input_topic,
        "APP_KAFKA__OUTPUT_TOPIC": kafka.output_topic,
        "APP_KAFKA__DEAD_LETTER_TOPIC": kafka.dead_letter_topic,
        "APP_KAFKA__POSITIONS_TOPIC": str(kafka.positions_topic),
        "APP_KAFKA__SESSION_TIMEOUT_MS": str(kafka.session_timeout_ms),
        "APP_DATABASE__URL": settings.database.url.get_secret_value(),
        "APP_HTTP__PORT": "0",
        **more,
    }


class Process(Protocol):
    """What is needed of a `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


class ServiceProcess:
    """One `python -m python_app_template`. Its log goes to a file, which `log` reads."""

    module = "python_app_template"

    def __init__(self, settings: Settings, directory: Path, name: str = "service", **variables: str) -> None:
        self._log = directory / f"{name}.log"
        self.environment = environment(settings, **variables)
        self._process: Process | None = None
        self._start_of_run = 0

    def start(self) -> Self:
        """Start it; returns at once. May be repeated once it has ended."""
        assert not self.running, "runs already"
        with self._log.open("ab") as log:
            self._start_of_run = log.tell()
            self._process = self._launch(log)
        return self

    def _launch(self, log: IO[bytes]) -> Process:
        return subprocess.Popen(
            [sys.executable, "-m", self.module],
            cwd=ROOT,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )

    def until_ready(self) -> Self:
        """Wait for /health/ready."""
        wait_until(self.is_ready, START_SECONDS, self.explain)
        return self

    def is_ready(self) -> bool:
        """Whether /health/ready says 200."""
        assert self.running, self.explain()
        try:
            return self.get("/health/ready").status_code == httpx.codes.OK
        except (httpx.HTTPError, LookupError):
            return False

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process is not None
        return self._process.pid

    def get(self, path: str) -> httpx.Response:
        """Ask it over HTTP. Raises LookupError while it has no port yet."""
        return ASKING.get(f"http://127.0.0.1:{self.port}{path}")

    @property
    def port(self) -> int:
        """The port that it logged."""
        listening = self.lines("http.listening")
        if not listening:
            raise LookupError("no port yet")
        return int(listening[-1]["port"])

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """What it logged since its last start, as objects; only of this event."""
        whole = self._log.read_bytes()[self._start_of_run :].rpartition(b"\n")[0] if self._log.exists() else b""
        named = (event or "").encode()  # most lines are not asked for, and need not be read
        objects = [json.loads(line) for line in whole.splitlines() if line.startswith(b"{") and named in line]
        return [o for o in objects if event is None or o.get("event") == event]

    def line(self, event: str, **fields: Any) -> dict[str, Any]:
        """The first line of this event with these fields: what is answered may be seen before it is logged."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.lines(event) if fields.items() <= line.items()]

        wait_until(lambda: bool(found()), explain=self.explain)
        return found()[0]

    def log(self) -> str:
        """All that it ever wrote."""
        return self._log.read_text() if self._log.exists() else ""

    def failing(self) -> dict[str, str]:
        """The checks that /health/ready names as failing, with what they say."""
        answer = self.get("/health/ready").json()
        return {name: answer["checks"][name]["detail"] for name in answer["failing"]}

    def samples(self, name: str = "") -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """All of /metrics whose names begin so, by name and labels."""
        wanted = [line for line in self.get("/metrics").text.splitlines() if line.startswith(name)]
        families = text_string_to_metric_families("\n".join(wanted))
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have these labels; 0 when there is none."""
        wanted = labels.items()
        return sum(value for (n, found), value in self.samples(name).items() if n == name and wanted <= found)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait()

    def terminate(self) -> int:
        """SIGTERM; return the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code."""
        assert self._process is not None
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end: {self.explain()}") from None

    def close(self) -> None:
        """Leave nothing behind."""
        if self.running and self._process is not None:
            self._process.kill()
            self._process.wait()

    def explain(self) -> str:
        """The end of its log."""
        lines = [line for line in self.log().splitlines() if '"message.dead_lettered"' not in line]
        return "\n".join(["", f"{self._log.name}:", *lines[-60:]])


@contextmanager
def running(service: ServiceProcess) -> Iterator[ServiceProcess]:
    """Start it, wait until it is ready, and end it."""
    try:
        yield service.start().until_ready()
    finally:
        service.close()


def wait_until(condition: Callable[[], bool], seconds: float = 30.0, explain: Callable[[], str] = lambda: "") -> None:
    """Ask again and again, a little later each time, until it holds. Raises AssertionError."""
    until, pause, never = time.monotonic() + seconds, 0.005, threading.Event()
    while not condition():
        assert time.monotonic() < until, f"not within {seconds:g} s: {explain()}"
        never.wait(pause)
        pause = min(pause * 1.5, 0.1)
