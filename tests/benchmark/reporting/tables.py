"""The report's tables, in Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.benchmark.figures import agree
from tests.benchmark.reporting.measurements import Measurements
from tests.benchmark.reporting.targets import TARGETS, verdict
from tests.benchmark.summary import Summary, per_million

NOT_MEASURED = "*not measured*"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: int = 0) -> str:
    """All columns from `right` on have numbers in them."""
    marks = ["---" if number < right or not right else "--:" for number in range(len(heads))]
    lines = [heads, marks, *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def targets(found: Measurements) -> str:
    """Each with what was measured and what somebody says about it."""
    rows = []
    for target in TARGETS:
        reading = target.read(found)
        figure, noise = (reading.figure, reading.noise) if reading else (NOT_MEASURED, "")
        rows.append((target.what, target.wanted, figure, noise, verdict(reading), found.explanation(target.key)))
    return table(("", "target", "measured", "noise", "", "explanation"), rows)


def taken(found: Measurements) -> str:
    """When, of which commit, how and on what each was measured."""
    rows = [(name, one["taken_at"], one["commit"], _named(one.get("asked", {}))) for name, one in found.records.items()]
    places = dict.fromkeys(_named(one[what]) for what in ("machine", "servers") for one in found.records.values())
    listed = "\n".join(f"- {place}" for place in places if place)
    return f"{table(('measurement', 'taken', 'commit', 'asked for'), rows)}\n\nOn:\n\n{listed}"


def rates(sides: Sequence[Summary]) -> str:
    """Who does how many orders a second."""
    rows = [
        (
            one.side,
            one.guarantee,
            one.setup,
            f"{one.orders_per_second.median:,.0f}",
            f"{one.orders_per_second.least:,.0f} to {one.orders_per_second.most:,.0f}",
            f"{one.ratio:,.2f}",
            f"{one.cpu_ratio:,.2f}",
            _doubts(one),
        )
        for one in sides
    ]
    heads = ("side", "guarantee", "setup", "orders/s", "least to most", "first to this one", "by CPU", "notes")
    return table(heads, rows)


def _doubts(one: Summary) -> str:
    unsteady = [f"{one.unsteady} of {one.orders_per_second.times} runs not steady"] if one.unsteady else []
    return "; ".join([*unsteady, *([f"{len(one.violations)} violations"] if one.violations else [])])


def costs(sides: Sequence[Summary]) -> str:
    """What a million orders take."""
    names = ("side", "postgres", "broker")
    heads = ("side", *(f"CPU s, {name}" for name in names))
    others = [name for name in per_million(sides[0]) if not name.startswith("CPU")] if sides else []
    rows = []
    for one in sides:
        cost = per_million(one)
        seconds = [f"{one.cpu_seconds[name]:,.1f}" for name in names]
        rows.append((one.side, *seconds, *(_shown(cost[name]) for name in others)))
    return table((*heads, *others), rows, right=1)


def processes(sides: Sequence[Summary]) -> str:
    """Processor time by process, of those that have a relay."""
    rows = [
        (one.side, name, f"{seconds:,.2f}")
        for one in sides
        if any("relay" in name for name in one.cpu_seconds)
        for name, seconds in one.cpu_seconds.items()
        if name not in {"side", "postgres", "machine", "watcher"}
    ]
    return table(("side", "process", "CPU s for a million orders"), rows, right=2)


def said(sides: Sequence[Summary]) -> str:
    """What sides tell by themselves: the service its batches, and where a batch's time goes."""
    heads = list(dict.fromkeys(what for one in sides for what in one.said))
    rows = [(one.side, *(_shown(one.said.get(what, 0.0)) for what in heads)) for one in sides if one.said]
    return table(("side", *heads), rows, right=1)


def counters(sides: Sequence[Summary]) -> str:
    """What else went on meanwhile."""
    rows = [
        (
            one.side,
            f"{one.cores_busy:.2f}",
            f"{one.watcher_share:.1%}",
            f"{one.checkpoints:g}",
            f"{one.autovacuum_runs:g}",
            f"{one.stolen_share:.1%}",
            f"{one.page_cache_megabytes:,.0f}",
        )
        for one in sides
    ]
    heads = ("side", "cores busy", "reader, of a core", "checkpoints", "autovacuum runs", "stolen", "page cache, MB")
    return table(heads, rows, right=1)


def latencies(found: Measurements) -> str:
    """A row for each load of each side."""
    heads = (
        "side",
        "of sustained",
        "orders/s",
        "samples",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
        "p50 ms of the warm-up",
    )
    rows = []
    for name, side in found.figures("latency").items():
        for point in side["points"]:
            took = point["milliseconds"]
            times = (f"{took[percentile]:,.1f}" for percentile in ("p50", "p99", "p99_9", "max"))
            cores = f"{point['sender_cores']:.2f}, {point['reader_cores']:.2f}"
            rate, samples = f"{point['orders_per_second_due']:,.0f}", f"{point['samples']:,}"
            windows = point["warm_up_p50_milliseconds"]
            warm = ", ".join(f"{p50:,.0f}" for p50 in windows) + ("" if agree(windows) else ": not steady")
            rows.append((name, f"{point['share']:.0%}", rate, samples, *times, warm, cores))
    return table((*heads, "cores: sender, reader"), rows, right=1)


def history(found: Measurements) -> str:
    """A row for each tenth, then what is there in the end."""
    growth = found.figures("growth")
    series = ("lines_per_second", "wal_bytes_per_line", "wal_bytes_per_line_without_images")
    tenths = zip(*(growth.get(name, ()) for name in series), strict=True)
    step = growth["lines"] / max(len(growth["lines_per_second"]), 1)
    rows = [(f"{(n + 1) * step:,.0f}", *(f"{value:,.0f}" for value in tenth)) for n, tenth in enumerate(tenths)]
    heads = ("lines by then", "lines/s", "WAL bytes for a line", "without full-page images")
    return f"{table(heads, rows, right=1)}\n\n{flat(growth)}"


def flat(figures: Any) -> str:
    """Any measurement's numbers, as they are called in its file; long series are left to the plots."""
    rows = [(name, _shown(value)) for name, value in _leaves(figures)]
    return table(("figure", "value"), rows, right=1)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, float | str]]:
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _leaves(inner, f"{name}, {key}".strip(", ").replace("_", " "))
        case list():
            for number, inner in enumerate(value if all(isinstance(one, Mapping) for one in value) else ()):
                yield from _leaves(inner, f"{name} {number + 1}")
        case bool() | None:
            yield name, str(value)
        case int() | float() | str():
            yield name, value


def _shown(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.3g}"


def _named(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
