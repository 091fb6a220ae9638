"""What importing a module costs, by package: Python's own account (`-X importtime`), and by the clock."""

import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.processes import ROOT

TIMES = 7
LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| \s*(\S+)")
"""Microseconds of the module itself, and its name; the heading has no number."""


def imports(module: str, shown: int) -> dict[str, float]:
    """Milliseconds that the import takes by the clock beyond an empty program, and those of the dearest packages.

    Keeping the account costs time of its own: the packages' sum is more than what the clock says.
    """
    found = by_package(_run("-X", "importtime", "-c", f"import {module}"))
    dearest = dict(found.most_common(shown))
    rest = found.total() - sum(dearest.values())
    return {"by the clock": _clocked(f"import {module}") - _clocked("pass"), **dearest, "all others": rest}


def by_package(account: str) -> Counter[str]:
    """Sum up what `-X importtime` wrote; milliseconds."""
    spent: Counter[str] = Counter()
    for own, name in LINE.findall(account):
        spent[name.partition(".")[0]] += int(own)
    return Counter({name: microseconds / 1000 for name, microseconds in spent.items()})


def _clocked(program: str) -> float:
    """Return the median of a few runs, in milliseconds."""
    return statistics.median(_milliseconds("-c", program) for _ in range(TIMES))


def _milliseconds(*arguments: str) -> float:
    began = time.perf_counter()
    _run(*arguments)
    return (time.perf_counter() - began) * 1000


def _run(*arguments: str) -> str:
    command: Sequence[str] = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stderr
