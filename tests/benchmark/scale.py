"""Workers 1, 2 and 3, and two ends of each axis: what a line costs when there is more of everything."""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from python_app_template.embedded import Backends
from tests.benchmark.contest import MORE, TRIES, told
from tests.benchmark.load import Record
from tests.benchmark.scaling.cases import AXES, WORKERS, Case, orders
from tests.benchmark.scaling.side import Scaled
from tests.benchmark.trial import Plan, RanDryError, Trial, trial


class Scaling(msgspec.Struct, frozen=True):
    """One case, and what it took; CPU in seconds for a million lines."""

    case: str
    axis: str
    workers: int
    orders_per_second: float
    lines_per_second: float
    cpu_side: float
    cpu_postgres: float
    cpu_broker: float
    cores_busy: float
    """Of the machine; where this is all that there are, more workers have nothing to run on."""
    lock_share: float
    """Of all sessions seen inside a transaction, those that waited for another's lock."""
    waits: dict[str, float]
    said: dict[str, float]
    peak_megabytes: float
    stolen_share: float
    checkpoints: int
    steady: bool
    dry: bool
    violations: list[str]

    @property
    def cpu(self) -> float:
        """Of all three."""
        return self.cpu_side + self.cpu_postgres + self.cpu_broker


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--only", nargs="*", default=(), help="cases whose axis or name contains one of these texts")
    parser.add_argument("--seconds", type=float, default=20.0, help="that count in each run")
    parser.add_argument("--warm-up-seconds", type=float, default=16.0, help="at the most")
    parser.add_argument("--expected", type=float, default=60_000, help="lines/s that the first backlog is made for")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """One case after the other; those with the same orders follow each other, and get the same ones."""
    plan = Plan(seconds=asked.seconds, warm_up_seconds=asked.warm_up_seconds)
    screen, found, failures = Console(stderr=True), list[Scaling](), list[str]()
    backlog = Backlog()
    for axis, case in cases(asked.only):
        try:
            run, side = busy(backends, case, plan, backlog, directory, asked.expected)
        except KeyboardInterrupt:
            failures.append("interrupted")
            break
        except Exception as failure:  # noqa: BLE001 - one case's fault must not cost the others their figures
            failures.append(f"{case.name}: {type(failure).__name__}: {failure}")
            screen.print(failures[-1][-2000:], style="red", markup=False)
            continue
        screen.print(told(run), markup=False, highlight=False)
        found.append(scaling(axis, case, run, side))
    return {"cases": msgspec.to_builtins(found), "failures": failures}


def cases(wanted: Sequence[str]) -> list[tuple[str, Case]]:
    """Return all, or those that are wanted. Raises SystemExit: none is called so."""
    every = [("workers", case) for case in WORKERS]
    every += [(axis, case) for axis, ends in AXES.items() for case in ends]
    found = [one for one in every if not wanted or any(text in f"{one[0]}, {one[1].name}" for text in wanted)]
    if not found:
        raise SystemExit(f"no case {', '.join(wanted)}; there are {'; '.join(f'{a}, {c.name}' for a, c in every)}")
    return found


class Backlog:
    """The orders of the last demand that was asked for."""

    def __init__(self) -> None:
        self._demand: object = None
        self._made: list[Record] = []

    def first(self, case: Case, count: int) -> Sequence[Record]:
        """Make so many, unless they are there."""
        if case.demand != self._demand or len(self._made) < count:
            self._demand, self._made = case.demand, list(islice(orders(case), count))
        return self._made[:count]


def busy(
    backends: Backends, case: Case, plan: Plan, backlog: Backlog, directory: Path, expected: float
) -> tuple[Trial, Scaled]:
    """Run it, with more orders if there were not enough. Raises AssertionError: there never are."""
    lasts = plan.seconds + plan.warm_up_seconds + 4
    count = int(expected / case.lines_per_order * lasts)
    for _ in range(TRIES):
        side = Scaled(case)
        with suppress(RanDryError):
            found = trial(backends, side, plan, backlog.first(case, count), directory)
            if not found.dry:
                return found, side
        count *= MORE
    raise AssertionError(f"{case.name}: {count:,} orders would not be enough")


def scaling(axis: str, case: Case, found: Trial, side: Scaled) -> Scaling:
    """Put the figures together: each line gives an event."""
    assert side.waits
    used, cpu = found.used, found.used["cpu_seconds"]
    millions = found.events_per_second * found.seconds / 1e6
    return Scaling(
        case=case.name,
        axis=axis,
        workers=case.workers,
        orders_per_second=found.orders_per_second,
        lines_per_second=found.events_per_second,
        cpu_side=cpu["side"] / millions,
        cpu_postgres=cpu["postgres"] / millions,
        cpu_broker=cpu["broker"] / millions,
        cores_busy=cpu["machine"] / found.seconds,
        lock_share=side.waits.lock_share(),
        waits=side.waits.shares(),
        said=found.said,
        peak_megabytes=max(found.peak_megabytes),
        stolen_share=used["stolen_seconds"] / found.seconds,
        checkpoints=used["checkpoints"],
        steady=found.steady,
        dry=found.dry,
        violations=found.violations,
    )


def show(figures: Mapping[str, Any]) -> None:
    """A table; the last column says how many times the CPU of the first case of its axis a line takes."""
    heads = ("axis", "case", "orders/s", "lines/s", "CPU s a million lines: side", "Postgres", "broker", "cores busy")
    table = Table(*heads, "waits for locks", "most seen", "notes", "CPU, to the axis' first")
    firsts: dict[str, float] = {}
    for one in msgspec.convert(figures["cases"], list[Scaling]):
        ratio = one.cpu / firsts.setdefault(one.axis, one.cpu)
        seen = ", ".join(f"{state} {share:.0%}" for state, share in list(one.waits.items())[:3])
        notes = [note for note, holds in (("not steady", not one.steady), ("violations", one.violations)) if holds]
        rates = (f"{one.orders_per_second:,.0f}", f"{one.lines_per_second:,.0f}")
        seconds = (f"{each:.1f}" for each in (one.cpu_side, one.cpu_postgres, one.cpu_broker, one.cores_busy))
        locks = f"{one.lock_share:.0%}"
        table.add_row(one.axis, one.case, *rates, *seconds, locks, seen, ", ".join(notes), f"{ratio:.2f}x")
    Console(stderr=True, width=220).print(table)
