"""Orders per second and what they cost: the service beside its peers and the floor, in turns on the same servers."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from python_app_template.embedded import Backends
from tests.benchmark import share
from tests.benchmark.contest import Contest, entries
from tests.benchmark.load import LOADS
from tests.benchmark.summary import Summary, noise_of, summaries
from tests.benchmark.trial import Plan, Trial


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--sides", nargs="*", default=(), help="modules of tests.benchmark.sides, or parts of names")
    parser.add_argument("--loads", nargs="*", default=("sunny", "mixed"), choices=sorted(LOADS))
    parser.add_argument("--floor-messages", type=int, default=300_000, help="that the floor replays; 0: no floor")
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs; the first side twice as often")
    parser.add_argument("--seconds", type=float, default=20.0, help="that count in each run")
    parser.add_argument("--warm-up-seconds", type=float, default=16.0, help="at the most")
    parser.add_argument("--not-judged", action="store_true", help="do not hold results to what the sides guarantee")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """A contest with each load."""
    plan = Plan(seconds=asked.seconds, warm_up_seconds=asked.warm_up_seconds, judged=not asked.not_judged)
    screen = Console(stderr=True)
    figures: dict[str, Any] = {}
    for load in asked.loads:
        contest = Contest(backends, plan, load, directory, screen)
        trials = contest.run(entries(load, asked.sides), asked.rounds)
        figures[load] = {
            "noise": noise_of(trials),
            "sides": msgspec.to_builtins(summaries(trials)),
            "trials": msgspec.to_builtins(trials),
            "failures": contest.failures,
        }
    if asked.floor_messages:
        try:
            figures["floor"] = of_floor(backends, directory, asked)
        except Exception as failure:  # noqa: BLE001 - an hour's figures must not be lost for it
            screen.print(f"floor: {type(failure).__name__}: {failure}", style="red", markup=False)
    return figures


def of_floor(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """The service's share of what its servers can do: in turns too, a fixed number of messages."""
    parser = argparse.ArgumentParser()
    share.arguments(parser)
    given = parser.parse_args([f"--messages={asked.floor_messages}", f"--rounds={asked.rounds}"])
    return share.measure(backends, directory, given)


def trials_of(figures: Mapping[str, Any], load: str) -> list[Trial]:
    """What the file says of each run."""
    return msgspec.convert(figures.get(load, {}).get("trials", []), list[Trial], strict=False)


def show(figures: Mapping[str, Any]) -> None:
    """Two tables for each load: the rates, and what stands beside them."""
    screen = Console(stderr=True, width=200)
    for load in (name for name in LOADS if name in figures):
        found = summaries(trials_of(figures, load))
        noise = figures[load]["noise"]
        screen.print(rates(load, found, noise))
        screen.print(costs(found))
        for failure in figures[load]["failures"]:
            screen.print(failure, style="red", markup=False)
    for name, value in figures.get("floor", {}).items():
        screen.print(f"{name}: {value:,.2f}" if value < 10 else f"{name}: {value:,.0f} messages/s")


def rates(load: str, found: Sequence[Summary], noise: float) -> Table:
    """Orders a second, and how many times as fast the first is."""
    heads = ("side", "guarantee", "setup", "orders/s", "least", "most", "runs", "first is", "by CPU", "notes")
    table = Table(*heads, title=f"{load} load; a side differs from itself by {noise:.1%}")
    for one in found:
        rate, notes = one.orders_per_second, [f"{one.unsteady} not steady"] if one.unsteady else []
        notes += [f"{len(one.violations)} violations"] if one.violations else []
        numbers = (f"{rate.median:,.0f}", f"{rate.least:,.0f}", f"{rate.most:,.0f}", str(rate.times))
        table.add_row(
            one.side, one.guarantee, one.setup, *numbers, f"{one.ratio:.2f}x", f"{one.cpu_ratio:.2f}x", "; ".join(notes)
        )
    return table


def costs(found: Sequence[Summary]) -> Table:
    """What a million orders take, and the counters of the runs."""
    heads = ("side", "CPU s: side", "Postgres", "broker", "WAL GB", "without images", "Kafka GB", "disk GB", "peak MB")
    counted = ("cores busy", "watcher", "checkpoints", "autovacuum", "stolen", "page cache MB")
    table = Table(*heads, *counted, title="a million orders; medians")
    for one in found:
        cpu = (one.cpu_seconds[who] for who in ("side", "postgres", "broker"))
        wal = one.wal_bytes_per_order, one.wal_bytes_per_order_without_images
        sizes = (*wal, one.kafka_bytes_per_order, one.disk_bytes_per_order)
        table.add_row(
            one.side,
            *(f"{seconds:,.1f}" for seconds in cpu),
            *(f"{size / 1e3:.2f}" for size in sizes),
            f"{one.peak_megabytes:,.0f}",
            f"{one.cores_busy:.2f}",
            f"{one.watcher_share:.1%}",
            f"{one.checkpoints:g}",
            f"{one.autovacuum_runs:g}",
            f"{one.stolen_share:.1%}",
            f"{one.page_cache_megabytes:,.0f}",
        )
    return table
