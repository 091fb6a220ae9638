"""Mutation testing of the rules and the checker, in a copy of the tree that is kept: what `make mutants` runs.

What was caught is not tried again until its function changes; a survivor is. Exit code 0: all were tried, and each is
caught or explained in docs/mutants.md. 1: one is neither. 2: the time is up, and some are left for the next time.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatch

from tests.processes import ROOT

KEPT = ROOT / ".mutants"
EXPLAINED = ROOT / "docs" / "mutants.md"
CAUGHT = {"killed", "timeout", "segfault", "caught by type check"}
NOT_TRIED = "not checked"
FIRST = "python_app_template.core.use_cases.backoff.*"
"""A few, so that all files are mutated before their mutants' names are asked for."""
CHUNK = 300
"""So many at a time, drawn at random: where the time ends in between, what was tried is a fair sample."""
PATIENCE_SECONDS = 60.0


def mutmut(*arguments: str, seconds: float | None = None) -> str:
    """Run it, and end it when the time is up; hypothesis draws the same examples each time."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    environment = os.environ | {"CI": "true"}
    with subprocess.Popen(command, cwd=KEPT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            return process.communicate(timeout=PATIENCE_SECONDS)[0]
    if process.returncode:
        sys.exit(f"{said[-4000:]}\nmutmut failed: do the tests pass without a mutant?")
    return said


def synchronise() -> None:
    """Bring what is tracked over, as it is now; untouched files keep their time, and their mutants what is known."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    tracked = {name for name in names.splitlines() if (ROOT / name).is_file()}
    stale = [name for name in tracked if not is_same(name)]
    folders = [KEPT / name for name in ("python_app_template", "tests")]
    gone = [f for folder in folders for f in folder.rglob("*.py") if str(f.relative_to(KEPT)) not in tracked]
    for file in gone:
        file.unlink()
    for name in stale:
        (KEPT / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, KEPT / name)
    if stale or gone:  # which test runs what, and for how long, is measured again
        (KEPT / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
        shutil.rmtree(KEPT / "mutants" / "tests", ignore_errors=True)


def is_same(name: str) -> bool:
    """Whether a file stands in the copy as it stands here."""
    return (KEPT / name).is_file() and (KEPT / name).read_bytes() == (ROOT / name).read_bytes()


def statuses(only: Sequence[str]) -> dict[str, str]:
    """Return what became of each mutant of these names, with * for any text."""
    lines = [line.strip().split(": ") for line in mutmut("results", "--all", "true").splitlines()]
    return {name: status for name, status in lines if not only or any(fnmatch(name, pattern) for pattern in only)}


def mutation(mutant: str) -> list[str]:
    """Return the lines that a mutant takes away and puts there."""
    lines = mutmut("show", mutant).splitlines()
    return [line for line in lines if line.startswith(("-", "+")) and not line.startswith(("---", "+++"))]


def is_explained(lines: Sequence[str], explanations: str) -> bool:
    """Whether the last changed line, as it reads in the mutant, stands in the document."""
    return bool(lines) and f"`{lines[-1][1:].strip()}`" in explanations


def explained(survivors: Sequence[str], *, told: bool) -> int:
    """Count those that the document explains; tell of the others."""
    explanations, count = EXPLAINED.read_text().replace("\\|", "|"), 0  # as a table's cell has it
    for name in survivors:
        lines = mutation(name)
        if is_explained(lines, explanations):
            count += 1
        elif told:
            print("\n".join([f"\n{name} survived:", *lines]))  # noqa: T201
    return count


def try_out(only: Sequence[str], seed: int, deadline: float) -> None:
    """Try what is not caught yet, first what was never tried, until the deadline."""
    found = statuses(only)
    left = [name for name, status in found.items() if status not in CAUGHT]
    random.Random(seed).shuffle(left)
    left.sort(key=lambda name: found[name] != NOT_TRIED)
    print(f"{len(found)} mutants, {len(left)} to try, seed {seed}", flush=True)  # noqa: T201
    for start in range(0, len(left), CHUNK):
        if (seconds := deadline - time.monotonic()) > 0:
            mutmut("run", "--max-children", "2", *left[start : start + CHUNK], seconds=seconds)


def main(arguments: Sequence[str]) -> int:
    """Mutate, test, judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeded.mutants", description=__doc__)
    parser.add_argument("only", nargs="*", help="names of mutants, with * for any text")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long at the most")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**16))
    asked = parser.parse_args(arguments)
    deadline = time.monotonic() + asked.minutes * 60
    KEPT.mkdir(exist_ok=True)
    synchronise()
    mutmut("run", "--max-children", "2", FIRST)
    try_out(asked.only, asked.seed, deadline)
    return verdict(statuses(asked.only))


def verdict(found: dict[str, str]) -> int:
    """Say how many are caught, and which are neither that nor explained."""
    counted = Counter(found.values())
    understood = explained([name for name, status in found.items() if status == "survived"], told=True)
    for name in (name for name, status in found.items() if status == "no tests"):
        print(f"{name}: no test comes there")  # noqa: T201
    left, caught = counted[NOT_TRIED], sum(counted[status] for status in CAUGHT)
    tested = len(found) - left - understood
    print(f"\n{dict(counted)}; {understood} explained; score {caught} of {tested}; {left} left")  # noqa: T201
    if caught < tested or not tested:
        return 1
    return 2 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
