"""`make fuzz`: malformed messages on every core through decode, validate and dead letter; rate, memory, reasons."""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random, SystemRandom
from typing import NamedTuple

import psutil

from tests.fuzz.judgement import judge
from tests.fuzz.mutations import Mutator

ROOT = str(Path(__file__).parents[2])
LOOKS = 50
"""How often the memory is looked at."""
WARM = 10
"""The looks that do not count: caches fill."""
MOST_GROWTH = 8.0
"""Megabytes that memory may grow by from then on: the largest messages come and go, and leave gaps."""


class Share(NamedTuple):
    """What one process did."""

    judged: int
    reasons: Counter[str]
    seconds: float
    memory: list[float]
    """Resident megabytes, at even distances."""

    @property
    def growth(self) -> float:
        """Megabytes from the first warm look to the last, by the line of least squares."""
        looks = self.memory[WARM:]
        middle, mean = (len(looks) - 1) / 2, sum(looks) / len(looks)
        slope = sum((n - middle) * (y - mean) for n, y in enumerate(looks)) / sum(
            (n - middle) ** 2 for n in range(len(looks))
        )
        return slope * (len(looks) - 1)


def fuzz(seed: str, malformed: int) -> Share:
    """Judge records until so many were refused. Raises AssertionError with the record that was misjudged."""
    process, reasons, memory, began = psutil.Process(), Counter[str](), list[float](), time.monotonic()
    refused = 0
    for judged, record in enumerate(Mutator(Random(seed)).records(), 1):
        reason = judge(record)
        if reason is not None:
            reasons[reason] += 1
            refused += 1
            if refused * LOOKS // malformed > len(memory):
                memory.append(process.memory_info().rss / 2**20)
        if refused == malformed:
            return Share(judged, reasons, time.monotonic() - began, memory)
    raise AssertionError("records go on for ever")


def main() -> int:
    """Share the work out; print what came of it. Exit code 1: memory grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="malformed messages (default 1000000)")
    parser.add_argument("--guided", type=int, default=200_000, help="runs guided by coverage (default 200000)")
    parser.add_argument("--seed", default=str(SystemRandom().randrange(2**32)), help="of an earlier run, to repeat it")
    given, cores = parser.parse_args(), os.cpu_count() or 1
    if given.messages < LOOKS * cores:
        parser.error(f"--messages: {LOOKS * cores} at the least, to see what memory does")
    _say(f"seed {given.seed}, {cores} processes")
    began = time.monotonic()
    with ProcessPoolExecutor(cores) as pool:
        seeds = [f"{given.seed}/{n}" for n in range(cores)]
        shares = list(pool.map(fuzz, seeds, [-(-given.messages // cores)] * cores))
    return _report(shares, time.monotonic() - began) or (_guided(given.guided) if given.guided else 0)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a script


def _guided(runs: int) -> int:
    """Let atheris go on; print the end of what it says."""
    if importlib.util.find_spec("atheris") is None:
        _say("atheris is not there (it has wheels for Linux on x86-64 alone): nothing was guided by coverage")
        return 0
    with tempfile.TemporaryDirectory() as corpus:
        command = [sys.executable, "-m", "tests.fuzz.guided", corpus, str(runs)]
        done = subprocess.run(
            command, cwd=corpus, env=os.environ | {"PYTHONPATH": ROOT}, capture_output=True, check=False
        )
    end = done.stderr.decode(errors="replace").splitlines()[-12 if done.returncode == 0 else -60 :]
    _say("\n".join(end))
    return done.returncode


def _report(shares: Sequence[Share], seconds: float) -> int:
    reasons = sum((share.reasons for share in shares), Counter[str]())
    malformed, judged = reasons.total(), sum(share.judged for share in shares)
    growth = max(share.growth for share in shares)
    _say(f"{malformed:,} malformed messages of {judged:,} judged in {seconds:.0f} s: {judged / seconds:,.0f}/s")
    for reason, count in reasons.most_common():
        _say(f"  {reason:<14}{count:>10,}")
    _say(f"verdicts unlike the contract's: 0; memory grew by {growth:+.1f} MB of {shares[0].memory[WARM]:.0f}")
    if growth > MOST_GROWTH:
        _say(f"that is more than {MOST_GROWTH:g} MB: something is kept")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
