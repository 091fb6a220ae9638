"""One run of one side: fresh topics and database, a backlog, a warm-up thrown away, a fixed time that counts."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from python_app_template.embedded import Backends
from tests.benchmark import counters
from tests.benchmark.counters import Counters
from tests.benchmark.figures import WINDOWS, agree
from tests.benchmark.load import Record, drop_topics, make_topics, produce
from tests.benchmark.sides import Grounds, Side
from tests.benchmark.visible import Sample, Watch, counted, edges
from tests.sql import run_sql
from tests.surroundings import name_of_its_own

FIRST_SECONDS = 120.0
"""How long a side may take to its first event."""

STALLED_SECONDS = 5.0
"""Nothing new for so long: it has done all that there was."""


class Plan(msgspec.Struct, frozen=True):
    """For how long."""

    seconds: float = 20.0
    """That count."""
    window_seconds: float = 2.0
    warm_up_seconds: float = 16.0
    """At the most: when its windows do not agree by then, it is measured all the same, and said."""
    judged: bool = True
    """Whether the side's results are held to its guarantee."""


class Trial(msgspec.Struct, frozen=True):
    """What one run gave."""

    side: str
    guarantee: str
    setup: str
    orders_per_second: float
    events_per_second: float
    seconds: float
    """That `used` is of: from the one reading of counters to the other."""
    first_seconds: float
    """From the start of its processes to the first event."""
    windows: list[float]
    """Offsets a second that became visible in each window before; the last three agree if it is steady."""
    steady: bool
    dry: bool
    """Nothing was left to be done before the time was over: too small a backlog."""
    backlog: int
    """Messages."""
    used: dict[str, Any]
    """See `counters.used`."""
    peak_megabytes: list[float]
    """Of each process of the side."""
    violations: list[str]
    judged: bool
    said: dict[str, float] = {}
    """See `Side.said`."""
    kind: str = ""
    """The module that it is of."""
    form: int = 0
    """Its place among that module's sides."""
    round: int = 0
    again: bool = False
    """It is the same side as one before it in its round: what they differ by is noise."""

    def per_million(self, amount: float) -> float:
        """How much of what was used a million orders take."""
        return amount / self.orders_per_second / self.seconds * 1e6


class Measured(NamedTuple):
    """What is known while a side still runs."""

    first_seconds: float
    windows: list[float]
    began: float
    ended: float
    before: Counters
    after: Counters
    dry: bool
    peaks: list[float]


class RanDryError(Exception):
    """The backlog was done before anything was measured."""


def trial(backends: Backends, side: Side, plan: Plan, records: Sequence[Record], directory: Path) -> Trial:
    """Run it once. Raises RanDryError, and AssertionError when no event comes, or no more than one burst of them."""
    grounds = fresh(backends, directory)
    try:
        side.prepare(grounds)
        run_sql(grounds.database, "VACUUM ANALYZE", "CHECKPOINT")
        produce(grounds.servers, grounds.input_topic, records)
        watch = Watch(grounds.servers, grounds.output_topic)
        measured = measure(backends, side, grounds, plan, watch)
        found = result(side, plan, measured, watch, grounds)
        used = counters.used(backends, side.parts, measured.before, measured.after)
        violations = side.violations(grounds, len(records)) if plan.judged else []
    finally:
        forget(backends, grounds)
    return msgspec.structs.replace(found, used=used, violations=violations, backlog=len(records))


def fresh(backends: Backends, directory: Path) -> Grounds:
    """Make what nobody has used before."""
    name = name_of_its_own("trial")
    servers = backends.kafka.bootstrap_servers
    logs = directory / name
    logs.mkdir(parents=True)
    topics = f"{name}-in", f"{name}-out"
    make_topics(servers, *topics)
    return Grounds(servers, backends.postgres.create_database(name), *topics, name, logs)


def forget(backends: Backends, grounds: Grounds) -> None:
    """Delete the database and the topics, so that one run's bytes are not the next one's page cache."""
    backends.postgres.drop_database(grounds.database.rpartition("/")[2])
    drop_topics(grounds.servers, f"{grounds.group}-")


def measure(backends: Backends, side: Side, grounds: Grounds, plan: Plan, watch: Watch) -> Measured:
    """Let it run until there is a rate."""
    start, began = watch.sample().total, time.monotonic()
    with side.running(grounds) as pids:
        first = watch.sample_until(lambda now: now.total > start or now.at > began + FIRST_SECONDS)
        assert first.total > start, f"{side.name}: no event in {FIRST_SECONDS:g} s; see {logged(grounds)}"
        windows = warmed_up(watch, plan)
        if is_idle(windows):
            raise RanDryError(f"{side.name}: nothing was left after {len(windows)} windows")
        running = counters.processes(backends, pids)
        before, since = counters.read(backends, grounds, running), time.monotonic() if windows else first.at
        last = moved = watch.sample()

        def is_over(now: Sample) -> bool:
            nonlocal moved
            moved = now if now.total > moved.total else moved
            return now.at > since + plan.seconds or now.at > moved.at + STALLED_SECONDS

        last = watch.sample_until(is_over)
        after = counters.read(backends, grounds, running)
        dry = last.at > moved.at + STALLED_SECONDS
        return Measured(first.at - began, windows, since, last.at, before, after, dry, counters.peaks(pids))


def warmed_up(watch: Watch, plan: Plan) -> list[float]:
    """Let windows pass until three agree, or the time for it is over; return their rates."""
    rates: list[float] = []
    until = time.monotonic() + plan.warm_up_seconds
    while not agree(rates) and not is_idle(rates) and time.monotonic() + plan.window_seconds <= until:
        before = watch.sample()
        after = watch.sample_until(partial(is_at, before.at + plan.window_seconds))
        rates.append((after.total - before.total) / (after.at - before.at))
    return rates


def is_idle(rates: Sequence[float]) -> bool:
    """Whether nothing came in so many windows as have to agree."""
    return len(rates) >= WINDOWS and not any(rates[-WINDOWS:])


def is_at(end: float, now: Sample) -> bool:
    """Whether the window is over."""
    return now.at >= end


def result(side: Side, plan: Plan, measured: Measured, watch: Watch, grounds: Grounds) -> Trial:
    """Count what was visible when."""
    seen = counted(grounds.servers, grounds.output_topic)
    one, other = edges(watch.samples, measured.began, measured.ended)
    seconds = other.at - one.at
    return Trial(
        side=side.name,
        guarantee=side.guarantee,
        setup=side.setup,
        orders_per_second=(seen.orders_below(other) - seen.orders_below(one)) / seconds,
        events_per_second=(seen.events_below(other) - seen.events_below(one)) / seconds,
        seconds=measured.after.at - measured.before.at,
        first_seconds=measured.first_seconds,
        windows=measured.windows,
        steady=agree(measured.windows),
        dry=measured.dry,
        backlog=0,
        used={},
        peak_megabytes=measured.peaks,
        violations=[],
        judged=plan.judged,
        said=dict(side.said),
    )


def logged(grounds: Grounds) -> str:
    """The end of what its processes wrote."""
    texts = [file.read_text(errors="replace")[-2000:] for file in sorted(grounds.directory.glob("*.log"))]
    return "\n".join(texts) or str(grounds.directory)
