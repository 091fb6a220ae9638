"""The report's plots, as SVG: the same figures give the same bytes."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.benchmark.reporting.measurements import REFERENCE, Measurements
from tests.benchmark.summary import Summary

mpl.rcParams |= {"svg.hashsalt": "performance", "svg.fonttype": "none", "font.size": 9.0, "axes.grid": True}
mpl.rcParams |= {"grid.alpha": 0.3, "legend.frameon": False, "figure.constrained_layout.use": True}

SIZE = (7.5, 4.0)
BATCHES = re.compile(r"batches of ([\d,]+)$")
APART = "worker and relay, a process each"
"""So begins the setup of the service's form that everything is compared to."""
LARGE = 1000
"""Messages in a batch: a batch of one costs so much more that nothing else would be seen beside it."""
BESIDE = ("machine", "watcher", "side", "postgres")
"""In `cpu_seconds`, sums of others, and what is nobody's cost."""

Draw = Callable[[Axes, Measurements], bool]
"""Returns whether there was anything to be drawn."""


def throughput_by_batch_size(axes: Axes, found: Measurements) -> bool:
    """The service by its batch size, one worker and the relay apart; the peers as lines."""
    sides = found.sides()
    ours = sorted((one for one in sides if one.kind == REFERENCE[0] and one.setup.startswith(APART)), key=batch_size)
    if not ours:
        return False
    medians = [one.orders_per_second.median for one in ours]
    below = [one.orders_per_second.median - one.orders_per_second.least for one in ours]
    above = [one.orders_per_second.most - one.orders_per_second.median for one in ours]
    sizes = [batch_size(one) for one in ours]
    axes.errorbar(sizes, medians, yerr=[below, above], marker="o", capsize=3, label="service")
    peers = [one for one in sides if one.kind != REFERENCE[0]]
    for number, one in enumerate(peers):
        axes.axhline(
            one.orders_per_second.median, color=f"C{1 + number % 9}", linestyle="--", linewidth=1, label=one.side
        )
    axes.set(xscale="log", yscale="log", xlabel="messages in a batch, at most", ylabel="orders/s")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return True


def batch_size(one: Summary) -> int:
    """As its setup says; 1 when it says nothing."""
    said = BATCHES.search(one.setup)
    return int(said[1].replace(",", "")) if said else 1


def where_time_goes(axes: Axes, found: Measurements) -> bool:
    """Processor seconds of a million orders, by process, of the service's forms with large batches."""
    ours = [one for one in found.sides() if one.kind == REFERENCE[0] and batch_size(one) >= LARGE]
    if not ours:
        return False
    names = list(dict.fromkeys(name for one in ours for name in one.cpu_seconds if name not in BESIDE))
    left = [0.0] * len(ours)
    for name in names:
        seconds = [one.cpu_seconds.get(name, 0.0) for one in ours]
        axes.barh([one.side for one in ours], seconds, left=left, label=name)
        left = [a + b for a, b in zip(left, seconds, strict=True)]
    axes.set(xlabel="CPU seconds for a million orders")
    axes.invert_yaxis()
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return True


def latency_by_load(axes: Axes, found: Measurements) -> bool:
    """p50, p99 and p99.9 of each side, by the share of what it sustains."""
    sides = found.figures("latency")
    if not sides:
        return False
    for number, (name, side) in enumerate(sides.items()):
        points = sorted(side["points"], key=lambda point: float(point["share"]))
        shares = [100 * point["share"] for point in points]
        for percentile, style in (("p50", ":"), ("p99", "-"), ("p99_9", "--")):
            label = f"{name}, {percentile.replace('_', '.')}"
            values = [point["milliseconds"][percentile] for point in points]
            axes.plot(shares, values, style, color=f"C{number}", marker=".", label=label)
    axes.set(yscale="log", xlabel="% of the sustained rate", ylabel="produced to visible, ms")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return True


def throughput_by_history(axes: Axes, found: Measurements) -> bool:
    """Lines a second, by how many there are already."""
    growth = found.figures("growth")
    rates: Sequence[float] = growth.get("lines_per_second", ())
    if rates:
        axes.plot(
            [growth["lines"] * (number + 0.5) / len(rates) / 1e6 for number in range(len(rates))], rates, marker="o"
        )
        axes.set(xlabel="million lines there already", ylabel="lines/s", ylim=(0, None))
    return bool(rates)


def memory_by_time(axes: Axes, found: Measurements) -> bool:
    """Megabytes resident of worker and relay, at a steady rate, at full rate, and while it catches up."""
    runs: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]] = {
        **found.figures("endurance"),
        **({"catching up": found.figures("catchup")} if found.figures("catchup") else {}),
    }
    if not runs:
        return False
    for load, run in runs.items():
        for part in ("worker", "relay"):
            minutes = [seconds / 60 for seconds in run[part]["seconds"]]
            axes.plot(minutes, run[part]["megabytes"], linewidth=1, label=f"{part}, {load}")
    axes.set(xlabel="minutes", ylabel="resident, MB", ylim=(0, None))
    axes.legend(fontsize=7)
    return True


PLOTS: Mapping[str, Draw] = {
    "throughput-by-batch-size": throughput_by_batch_size,
    "where-time-goes": where_time_goes,
    "latency-by-load": latency_by_load,
    "throughput-by-history": throughput_by_history,
    "memory-by-time": memory_by_time,
}


def drawn(found: Measurements, directory: Path) -> set[str]:
    """Draw what was measured; return which plots there are now. Those without figures are removed."""
    return {name for name, draw in PLOTS.items() if _drawn(draw, found, directory / f"{name}.svg")}


def _drawn(draw: Draw, found: Measurements, file: Path) -> bool:
    figure = Figure(figsize=SIZE)
    if draw(figure.add_subplot(), found):
        figure.savefig(file, metadata={"Date": None})
        return True
    file.unlink(missing_ok=True)
    return False
