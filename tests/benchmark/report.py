"""Makes docs/performance.md and its plots of the files that measurements left in docs/performance."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.benchmark.record import DOCUMENTS
from tests.benchmark.reporting import million, scaling, tables
from tests.benchmark.reporting.measurements import Measurements
from tests.benchmark.reporting.tables import NOT_MEASURED
from tests.benchmark.reporting.targets import TARGETS, verdict
from tests.benchmark.reporting.unit_costs import unit_costs
from tests.benchmark.summary import Summary

BY_HAND = "by_hand.md"
"""What no measurement says: profiles, what would reach a target."""

HEAD = """# Performance

Made by `python -m tests.benchmark report` from the JSON files in `docs/performance/`, which measurements write
(`--json`): don't edit this page. The last column of the first table is `docs/performance/explanations.txt`;
`by_hand.md` in the same place follows the measurements.

Everything runs on the embedded servers of one machine: a durable PostgreSQL (`fsync`, `synchronous_commit` on) and
a broker with its full JIT, one copy of everything. All ratios are of sides that took turns in one run, with the
same messages: orders of 1 to 3 lines over 1,000 SKUs, zipf 0.8, three batches each, random order ids. Each run has
topics and a database of its own, `VACUUM ANALYZE` and `CHECKPOINT` before it; its warm-up is thrown away until
three windows agree to 10 %; then a fixed time counts. An order counts when the first event of its first line is
visible to a `read_committed` reader. While sides run, the reader only asks for the last stable offsets; it reads
the events afterwards. The service runs twice in each round: noise is the most that it differs from itself in a
round, or half of the peer's spread if that is more; where a run goes on for ten million lines, half of the spread
of its tenths. A target is met when the figure meets it even with the noise against it.
"""


class Section(NamedTuple):
    """A part of the page: what it is of, the command that measures it, its plots, and what it says."""

    title: str
    measurement: str
    command: str
    plots: Sequence[str] = ()
    text: Callable[[Measurements], str] | None = None
    """None: all numbers of its file."""


def contest(load: str) -> Callable[[Measurements], str]:
    """The tables of the contest with a load."""

    def text(found: Measurements) -> str:
        sides = found.sides(load)
        return "\n\n".join(of_sides(sides)) if sides else NOT_MEASURED

    return text


def of_sides(sides: Sequence[Summary]) -> Iterator[str]:
    """Rates, costs, processes, counters."""
    yield tables.rates(sides)
    yield "What a million orders take (medians):"
    yield tables.costs(sides)
    yield "Processor time by process:"
    yield tables.processes(sides)
    yield "Batches, and the share of a batch's time that each of its stages takes:"
    yield tables.said(sides)
    yield "What went on meanwhile (medians of the runs):"
    yield tables.counters(sides)


def floor(found: Measurements) -> str:
    """The share of it, measured in the same run or by itself."""
    shares = found.figures("throughput").get("floor") or found.figures("share")
    return tables.flat(shares) if shares else NOT_MEASURED


CONTEST = "python -m tests.benchmark throughput --json"
SECTIONS: Sequence[Section] = (
    Section("The sunny load", "throughput", CONTEST, ("throughput-by-batch-size", "where-time-goes"), contest("sunny")),
    Section("The mixed load", "throughput", CONTEST, (), contest("mixed")),
    Section("The floor", "throughput", CONTEST, (), floor),
    Section("Latency", "latency", "python -m tests.benchmark latency --json", ("latency-by-load",), tables.latencies),
    Section("Start", "startup", "python -m tests.benchmark startup --json"),
    Section("Catching up", "catchup", "python -m tests.benchmark catchup --json"),
    Section("Memory", "endurance", "python -m tests.benchmark endurance --json", ("memory-by-time",)),
    Section("History", "growth", "python -m tests.benchmark growth --json", ("throughput-by-history",), tables.history),
    Section("Scale", "scale", "python -m tests.benchmark scale --json", (), scaling.text),
    Section("The API", "api", "python -m tests.benchmark api --json"),
    Section("Stock in Redis", "views", "python -m tests.benchmark views --json"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where the files are, and where the page goes."""
    parser.add_argument("--directory", type=Path, default=DOCUMENTS, help="the page is written beside it")


def make(asked: argparse.Namespace) -> None:
    """Write page and plots; show the targets."""
    from tests.benchmark.reporting import plots  # noqa: PLC0415 - what it draws with is slow to import

    directory: Path = asked.directory
    directory.mkdir(parents=True, exist_ok=True)
    found = Measurements(directory)
    page = directory.with_suffix(".md")
    (directory / "million.md").write_text(million.page(unit_costs(found)), "utf-8")
    page.write_text("\n\n".join(parts(found, plots.drawn(found, directory), directory)) + "\n", "utf-8")
    show(found, page)


def show(found: Measurements, page: Path) -> None:
    """The first table of the page, for people."""
    table = Table("", "target", "measured", "noise", "", title=str(page))
    for target in TARGETS:
        reading = target.read(found)
        table.add_row(target.what, target.wanted, *(reading[:2] if reading else ("", "")), verdict(reading).strip("*"))
    Console(width=180).print(table)


def parts(found: Measurements, drawn: set[str], directory: Path) -> Iterator[str]:
    """All of the page, in its order."""
    yield HEAD.rstrip()
    yield "## Targets"
    yield tables.targets(found)
    for section in SECTIONS:
        yield from of_section(section, found, drawn, directory.name)
    known = {section.measurement for section in SECTIONS} | {"share"}
    for name in sorted(found.records.keys() - known):
        yield from of_section(
            Section(name.capitalize(), name, f"python -m tests.benchmark {name} --json"), found, drawn, ""
        )
    yield f"## What a million orders a second take\n\nOn paper, in [million.md]({directory.name}/million.md)."
    by_hand = directory / BY_HAND
    if by_hand.exists():
        yield by_hand.read_text("utf-8").strip()
    yield "## What was measured when"
    yield tables.taken(found) if found.records else NOT_MEASURED


def of_section(section: Section, found: Measurements, drawn: set[str], directory: str) -> Iterator[str]:
    """Title, command, plots, figures; or that there are none."""
    yield f"## {section.title}: `{section.command}`"
    if section.measurement not in found.records and section.text is not floor:
        yield NOT_MEASURED
        return
    for plot in section.plots:
        yield f"![{plot.replace('-', ' ')}]({directory}/{plot}.svg)" if plot in drawn else NOT_MEASURED
    yield section.text(found) if section.text else tables.flat(found.figures(section.measurement))
