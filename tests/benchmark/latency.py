"""Produced to visible, by load: open loop, from when an order was due until a reader sees the last of its events."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from python_app_template.embedded import Backends
from tests.benchmark.contest import entries
from tests.benchmark.figures import agree
from tests.benchmark.open_loop.closed import Flood, Sustained
from tests.benchmark.open_loop.processes import closed_loop, open_loop
from tests.benchmark.open_loop.sender import Plan
from tests.benchmark.sides import Grounds, Side
from tests.benchmark.trial import forget, fresh

SHARES = (0.1, 0.25, 0.5, 0.75)
"""Of the rate that the same setup sustains."""
LOAD = "sunny"
LIGHT = 200.0
"""Orders a second, the same for all."""
CONNECTING_SECONDS = 2.0
"""Of each run that do not count: sender and reader are new."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--sides", nargs="+", default=["service, 5,000"], help="modules, or parts of names")
    parser.add_argument("--samples", type=int, default=100_000, help="orders that count, at each rate")
    parser.add_argument("--longest", type=float, default=120.0, help="seconds at a share of what is sustained")
    parser.add_argument("--longest-light", type=float, default=600.0, help="seconds at the light load")
    parser.add_argument("--shortest", type=float, default=30.0, help="seconds at a rate, however many orders that is")
    parser.add_argument("--warm-up", type=float, default=10.0, help="seconds of a window that does not count")
    parser.add_argument("--windows", type=int, default=12, help="of warm-up at a rate, until the last ones agree")
    parser.add_argument("--sustained", type=float, help="orders a second; by default found by a closed loop first")
    parser.add_argument("--light", type=float, default=LIGHT, help="orders a second; 0: only shares")
    parser.add_argument("--shares", type=float, nargs="*", default=SHARES, help="of the sustained rate")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """A curve for each side, one after the other on the same servers."""
    chosen = [entry.side for entry in entries(LOAD, asked.sides)]
    return {side.name: of_side(side, backends, directory, asked) for side in chosen}


def of_side(side: Side, backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Start it once, find what it sustains, then load it more and more."""
    grounds = fresh(backends, directory)
    side.prepare(grounds)
    with side.running(grounds):
        bench = Bench(grounds)
        sustained = bench.sustained()
        top = asked.sustained or sustained.rate
        points = [bench.warm_point(load, asked) for load in loads(top, asked.light, asked.shares)]
    forget(backends, grounds)
    return {
        "guarantee": side.guarantee,
        "setup": side.setup,
        "sustained_orders_per_second": top,
        "closed_loop_windows": sustained.windows,
        "points": points,
    }


class Load(NamedTuple):
    """How much is asked of a side."""

    rate: float
    share: float
    """Of what it sustains."""


def loads(sustained: float, light: float, shares: Sequence[float]) -> Iterator[Load]:
    """From little to much. The light load is left out where it is more than is sustained: the queue would only grow."""
    if 0 < light < sustained:
        yield Load(light, light / sustained)
    for share in shares:
        yield Load(share * sustained, share)


class Bench:
    """A side that runs, and the orders that it has been given so far."""

    def __init__(self, grounds: Grounds) -> None:
        self._grounds, self._next = grounds, 0

    def sustained(self, seconds: float = 60.0) -> Sustained:
        """Find how much it can do."""
        topics = (self._grounds.servers, self._grounds.input_topic, self._grounds.output_topic)
        found = closed_loop(Flood(*topics, seconds, self._next))
        self._next += found.sent
        return found

    def warm_point(self, load: Load, asked: argparse.Namespace) -> dict[str, Any]:
        """Load it until windows agree, then see when each order's events are visible.

        A broker that has had few transactions answers half as fast: its compiler waits until a part has run often.
        """
        windows: list[float] = []
        while len(windows) < asked.windows and not agree(windows):
            windows.append(self._watched(load, asked.warm_up)["milliseconds"]["p50"])
        longest = asked.longest_light if load.rate == asked.light else asked.longest
        seconds = min(max(asked.samples / load.rate, asked.shortest), longest)
        return {"share": load.share, "warm_up_p50_milliseconds": windows, **self._watched(load, seconds)}

    def _watched(self, load: Load, seconds: float) -> dict[str, Any]:
        skipped = int(load.rate * CONNECTING_SECONDS)
        plan = Plan(
            self._grounds.servers,
            self._grounds.input_topic,
            self._grounds.output_topic,
            load.rate,
            skipped + int(load.rate * seconds),
            self._next,
            skipped,
        )
        self._next += plan.count
        sent, watched = open_loop(plan)
        return {
            "orders_per_second_due": load.rate,
            "orders_per_second": watched.orders_per_second,
            "samples": watched.samples,
            "missing": watched.missing,
            "milliseconds": watched.latency,
            "sender_lateness_milliseconds": sent.lateness,
            "sender_cores": sent.cpu_share,
            "reader_cores": watched.cpu_share,
        }


def show(figures: Mapping[str, Any]) -> None:
    """A row for each load of each side."""
    heads = ("side", "of sustained", "orders/s", "samples", "missing", "p50 ms", "p99 ms", "p99.9 ms", "max ms")
    table = Table(*heads, "sender late p99 ms", "sender, reader cores")
    for name, side in figures.items():
        for point in side["points"]:
            took = point["milliseconds"]
            table.add_row(
                name,
                f"{point['share']:.0%}",
                f"{point['orders_per_second_due']:,.0f}",
                f"{point['samples']:,}",
                f"{point['missing']:,}",
                *(f"{took[percentile]:,.1f}" for percentile in ("p50", "p99", "p99_9", "max")),
                f"{point['sender_lateness_milliseconds']['p99']:,.2f}",
                f"{point['sender_cores']:.2f}, {point['reader_cores']:.2f}",
            )
    Console(stderr=True, width=160).print(table)
