"""The table of workers and axes, in Markdown."""

from collections.abc import Iterator, Sequence

import msgspec

from tests.benchmark.reporting.measurements import Measurements
from tests.benchmark.reporting.tables import table
from tests.benchmark.scale import Scaling

HEADS = (
    "",
    "orders/s",
    "lines/s",
    "CPU: service",
    "PostgreSQL",
    "broker",
    "to the first",
    "cores busy",
    "for locks",
    "",
)

EXPLAINED = """CPU in seconds for a million lines; to the first of its axis. `for locks`: of all sessions that were seen
inside a transaction, sampled fifty times a second, those that waited for another's lock. Where all cores are busy,
more workers have nothing to run on: a limit of locks is shown only where uniform demand scales on the same cores and
zipf does not."""


def text(found: Measurements) -> str:
    """A table for each axis."""
    cases = msgspec.convert(found.figures("scale").get("cases", []), list[Scaling])
    axes = dict.fromkeys(one.axis for one in cases)
    return "\n\n".join([EXPLAINED, *(of_axis(axis, [one for one in cases if one.axis == axis]) for axis in axes)])


def of_axis(axis: str, cases: Sequence[Scaling]) -> str:
    """The first case is what the others are held to."""
    return f"### {axis[0].upper()}{axis[1:]}\n\n" + table(HEADS, rows(cases), right=1)


def rows(cases: Sequence[Scaling]) -> Iterator[tuple[str, ...]]:
    """One for each case."""
    first = cases[0].cpu
    for one in cases:
        notes = [note for note, holds in (("not steady", not one.steady), ("violations", one.violations)) if holds]
        yield (
            one.case,
            f"{one.orders_per_second:,.0f}",
            f"{one.lines_per_second:,.0f}",
            *(f"{seconds:.1f}" for seconds in (one.cpu_side, one.cpu_postgres, one.cpu_broker)),
            f"{one.cpu / first:.2f}x",
            f"{one.cores_busy:.2f}",
            f"{one.lock_share:.0%}",
            ", ".join(notes),
        )
