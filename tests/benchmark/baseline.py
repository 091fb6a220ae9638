"""`make bench-quick`: whether a change made the service do more for the same messages. No time is ever compared.

Counted are statements, round trips and bytes of a batch and of a page, WAL without full-page images, bytes of an event,
and what Python does for a message; the last for each minor version of Python apart. Exit codes: 0, nothing grew; 1,
something did, or there is no baseline to hold it against.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmark.guarded.comparison import Figures, compare

BASELINE: Final = Path(__file__).with_suffix(".json")
ROOT: Final = Path(__file__).parents[2]
SERVERS, PYTHON = "servers", f"python {'.'.join(platform.python_version_tuple()[:2])}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, then compare or write down; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.baseline", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write what is measured into the baseline")
    parser.add_argument("--python-only", action="store_true", help="start no server; measure this Python alone")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="the file")
    asked = parser.parse_args(arguments)
    measured = {PYTHON: effort()} | ({} if asked.python_only else {SERVERS: of_servers()})
    if asked.update:
        write(asked.baseline, measured)
        return 0
    return judge(measured, read(asked.baseline))


def effort() -> Figures:
    """Count in a process of its own: neither hashes nor what else was imported may have a say."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "APP_", "COV"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmark.guarded.effort"],
        env=clean | {"PYTHONHASHSEED": "0"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def of_servers() -> Figures:
    """Count on servers of its own."""
    from tests.benchmark.guarded import servers  # noqa: PLC0415 - needs more than the service does

    with tempfile.TemporaryDirectory() as directory:
        return servers.measure(Path(directory))


def read(file: Path) -> dict[str, dict[str, float]]:
    """Return the baseline; empty when there is none yet."""
    found: dict[str, dict[str, float]] = json.loads(file.read_text()) if file.exists() else {}
    return found


def write(file: Path, measured: dict[str, Figures]) -> None:
    """Keep what was measured, and what was not measured this time as it is."""
    rounded: dict[str, Any] = {
        group: {name: round(value, 6) for name, value in sorted(figures.items())} for group, figures in measured.items()
    }
    file.write_text(json.dumps(dict(sorted((read(file) | rounded).items())), indent=1) + "\n")
    say(f"{sum(map(len, measured.values()))} figures are in {file.name}")


def judge(measured: dict[str, Figures], baseline: dict[str, dict[str, float]]) -> int:
    """Say in a line each what grew and what may be held to less; return the exit code."""
    faults: list[str] = []
    for group, figures in measured.items():
        if group not in baseline:
            faults.append(f"{group}: has no baseline; `make bench-quick UPDATE=1` makes one")
            continue
        found = compare(figures, baseline[group])
        faults += [f"{group}/{line}" for line in found.faults]
        for line in found.gains:
            say(f"less: {group}/{line}; `make bench-quick UPDATE=1` holds it there")
    for line in faults:
        say(f"MORE: {line}")
    say(f"{sum(map(len, measured.values()))} figures, {len(faults)} faults")
    return 1 if faults else 0


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    sys.exit(main())
