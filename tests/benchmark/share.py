"""The service's share of the floor: the same messages, settled by the service and by replays of what it asks for."""

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from statistics import median

from python_app_template.embedded import Backends
from tests.benchmark.floor.recorded_run import SEED, Shape, consumed, is_settled
from tests.benchmark.floor.recording import BROKER, POSTGRES, WHOLE
from tests.benchmark.load import LOADS, Record, produce
from tests.benchmark.sides import Grounds, Side
from tests.benchmark.sides.floor import Floor
from tests.benchmark.sides.service import Service
from tests.benchmark.trial import forget, fresh
from tests.benchmark.visible import Sample, Watch
from tests.sql import run_sql

WARM_UP = 0.2
"""Share of the messages after which the time begins to count: cached plans, the broker's JIT."""

LOOK_SECONDS = 1.0
LIMIT_SECONDS = 600.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--messages", type=int, default=400_000)
    parser.add_argument("--batch-size", type=int, default=5000, help="APP_CONSUMER__BATCH_SIZE")
    parser.add_argument("--load", choices=sorted(LOADS), default="sunny")
    parser.add_argument("--together", action="store_true", help="worker and relay in one process")
    parser.add_argument("--rounds", type=int, default=3)


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Let them take turns; return the median rates, and what share of each floor's the service's is."""
    shape = Shape(asked.batch_size, not asked.together, asked.load, asked.messages)
    floors = [Floor(shape, what) for what in (WHOLE, POSTGRES, BROKER)]
    sides: list[Side] = [Service(shape.batch_size, split=shape.split), *floors]
    records = list(islice(LOADS[shape.load](SEED), shape.messages))
    rates: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(asked.rounds):
        for side in sides:
            rates[side.name].append(rate(backends, side, records, directory))
    service, *others = ((name, median(found)) for name, found in rates.items())
    spread = {f"{name} {word}": pick(found) for name, found in rates.items() for word, pick in EXTREMES.items()}
    shares = {f"share of {name}": service[1] / found for name, found in others}
    return dict([service, *others]) | spread | shares


EXTREMES: dict[str, Callable[[list[float]], float]] = {"min": min, "max": max}


def rate(backends: Backends, side: Side, records: Sequence[Record], directory: Path) -> float:
    """Messages per second of one run, from the warm-up's end until the last event is visible or row committed."""
    grounds = fresh(backends, directory)
    side.prepare(grounds)
    run_sql(grounds.database, "VACUUM ANALYZE", "CHECKPOINT")
    produce(grounds.servers, grounds.input_topic, records)
    watch = Watch(grounds.servers, grounds.output_topic)
    before, messages = watch.sample().total, consumed(grounds.database) + len(records)
    with side.running(grounds):
        watch.sample_until(is_over(side, grounds, messages))
    found = [(sample.at, sample.total - before) for sample in watch.samples]
    if isinstance(side, Floor):
        violations = side.violations(grounds, len(records))
        assert not violations, f"{side.name}: {violations[:5]}"
        if side.what == POSTGRES:
            found = [when for result in side.results(grounds) for when in result.settled]
    forget(backends, grounds)
    return len(records) * pace(found)


def is_over(side: Side, grounds: Grounds, messages: int) -> Callable[[Sample], bool]:
    """Return what tells whether a run is: a replay says so itself; of the service, the database tells."""
    looked = started = time.monotonic()

    def over(now: Sample) -> bool:
        nonlocal looked
        assert now.at < started + LIMIT_SECONDS, f"{side.name} has not finished; see {grounds.directory}"
        if isinstance(side, Floor):
            return side.is_finished(grounds)
        if now.at < looked + LOOK_SECONDS:
            return False
        looked = now.at
        return is_settled(grounds.database, messages)

    return over


def pace(found: Sequence[tuple[float, int]]) -> float:
    """Return which share of the whole is done in a second, once warm, given how much was done at which times."""
    whole = found[-1][1]
    began, first = next((at, done) for at, done in found if done >= WARM_UP * whole)
    ended = next(at for at, done in found if done == whole)
    return (1 - first / whole) / (ended - began)
