"""A peer's processes: started with the grounds in their environment, ended as their documentation says, by SIGTERM."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.benchmark.peers import leash
from tests.benchmark.sides import Grounds
from tests.processes import ROOT

STOP_SECONDS = 40.0
LOG_CHARACTERS = 2000


class Program(NamedTuple):
    """A process: what it is called, its module, and what its environment has besides the grounds."""

    part: str
    module: str
    variables: Mapping[str, str]


class Running(NamedTuple):
    """A process, and where it logs."""

    process: subprocess.Popen[bytes]
    log: Path

    def explain(self) -> str:
        """The end of its log."""
        return f"{self.log.name}: {self.log.read_text()[-LOG_CHARACTERS:]}"

    def ask_to_stop(self) -> None:
        """Send SIGTERM. Raises AssertionError when it had ended by itself."""
        assert self.process.poll() is None, f"ended by itself, {self.explain()}"
        self.process.terminate()


@contextmanager
def started(program: Program, grounds: Grounds, number: int) -> Iterator[Running]:
    """Start a process; in the end wait for what it was asked for by then."""
    log = grounds.directory / f"{program.part}-{number}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", leash.__name__, program.module],
            cwd=ROOT,
            env={**os.environ, **environment(grounds), **program.variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    running = Running(process, log)
    try:
        yield running
        process.wait(STOP_SECONDS)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, f"ended with {process.returncode}, {running.explain()}"


def environment(grounds: Grounds) -> dict[str, str]:
    """The grounds, as `tests.benchmark.peers.settings` reads them."""
    return {
        "PEER_KAFKA": grounds.servers,
        "PEER_DATABASE": grounds.database,
        "PEER_INPUT_TOPIC": grounds.input_topic,
        "PEER_OUTPUT_TOPIC": grounds.output_topic,
        "PEER_GROUP": grounds.group,
    }
