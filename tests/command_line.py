"""The console script, in this process or in one of its own."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from typing import Any, NamedTuple

import pytest

from python_app_template.cli.app import run
from python_app_template.settings import Settings

SCRIPT = (sys.executable, "-c", "from python_app_template.cli.app import main; main()")


ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
"""What a terminal obeys instead of showing it."""


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        """The JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def given(settings: Settings) -> list[str]:
    """Options that lead a command to where these settings lead."""
    kafka = settings.kafka
    values = {
        "kafka.bootstrap_servers": kafka.bootstrap_servers,
        "kafka.group_id": kafka.group_id,
        "kafka.input_topic": kafka.input_topic,
        "kafka.output_topic": kafka.output_topic,
        "kafka.dead_letter_topic": kafka.dead_letter_topic,
        "kafka.positions_topic": kafka.positions_topic,
        "database.url": settings.database.url.get_secret_value(),
        "preflight.wait_seconds": "0",
    }
    return [f"--set={name}={value}" for name, value in values.items()]


class CommandLine:
    """Runs commands under settings."""

    def __init__(self, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        self.options = options
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        code = run([*self.options, *arguments])
        return Done(code, *self._capsys.readouterr())

    def process(self, *arguments: str, **streams: Any) -> "subprocess.Popen[bytes]":
        """Start one as a process."""
        return subprocess.Popen([*SCRIPT, *self.options, *arguments], env=bare_environment(), **streams)


def bare_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("APP_")}


def on_terminal(*arguments: str) -> Done:
    """Run the script on a terminal of 100 columns; `out` is what the person sees."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    environment = bare_environment() | {"TERM": "xterm", "NO_COLOR": "1"}
    environment.pop("COLUMNS", None)  # where it is set it counts more than the terminal
    with subprocess.Popen(
        [*SCRIPT, *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        seen = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return Done(process.returncode, ESCAPES.sub("", seen.decode()), "")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""
