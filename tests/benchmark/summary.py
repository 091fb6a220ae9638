"""What the trials of a contest come to: medians by side, ratios to the first, noise, cost of a million orders."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from tests.benchmark.figures import Spread, noise, spread
from tests.benchmark.trial import Trial


class Summary(msgspec.Struct, frozen=True):
    """Of all trials of one side; costs are medians, of a million orders."""

    side: str
    guarantee: str
    setup: str
    kind: str
    form: int
    orders_per_second: Spread
    events_per_second: float
    ratio: float
    """How many times as fast the first side is."""
    cpu_seconds: dict[str, float]
    orders_per_cpu_second: float
    """The side's own, with those of PostgreSQL and the broker: what does not depend on how they overlap."""
    cpu_ratio: float
    wal_bytes_per_order: float
    wal_bytes_per_order_without_images: float
    kafka_bytes_per_order: float
    disk_bytes_per_order: float
    peak_megabytes: float
    """The most of all its processes together."""
    checkpoints: float
    autovacuum_runs: float
    stolen_share: float
    """Of one core's time."""
    page_cache_megabytes: float
    watcher_share: float
    """Of one core: what the watching itself takes."""
    cores_busy: float
    said: dict[str, float]
    """See `Side.said`; medians."""
    unsteady: int
    """Trials whose windows did not agree, or that ran dry."""
    violations: list[str]


def summaries(trials: Sequence[Trial]) -> list[Summary]:
    """One for each side, the first side first."""
    by_side: dict[str, list[Trial]] = {}
    for one in trials:
        by_side.setdefault(one.side, []).append(one)
    made = [summary(found) for found in by_side.values()]
    return [compared(one, made[0]) for one in made]


def summary(found: Sequence[Trial]) -> Summary:
    """Of trials of the same side."""

    def median(of: Callable[[Trial], float]) -> float:
        return statistics.median(map(of, found))

    def used(what: str) -> float:
        return median(lambda one: float(one.used[what]))

    def per_order(what: str) -> float:
        return median(lambda one: one.per_million(float(one.used[what]))) / 1e6

    cpu = {who: median(partial(_cpu_per_million, who)) for who in _names(found)}
    first = found[0]
    spent = cpu["side"] + cpu["postgres"] + cpu["broker"]
    return Summary(
        side=first.side,
        guarantee=first.guarantee,
        setup=first.setup,
        kind=first.kind,
        form=first.form,
        orders_per_second=spread(one.orders_per_second for one in found),
        events_per_second=median(lambda one: one.events_per_second),
        ratio=1.0,
        cpu_seconds=cpu,
        orders_per_cpu_second=1e6 / spent,
        cpu_ratio=1.0,
        wal_bytes_per_order=per_order("wal_bytes"),
        wal_bytes_per_order_without_images=per_order("wal_bytes_without_images"),
        kafka_bytes_per_order=per_order("kafka_bytes"),
        disk_bytes_per_order=per_order("disk_bytes"),
        peak_megabytes=max(sum(one.peak_megabytes) for one in found),
        checkpoints=used("checkpoints"),
        autovacuum_runs=used("autovacuum_runs"),
        stolen_share=median(lambda one: one.used["stolen_seconds"] / one.seconds),
        page_cache_megabytes=used("page_cache_megabytes"),
        watcher_share=median(lambda one: _cpu(one, "watcher") / one.seconds),
        cores_busy=median(lambda one: _cpu(one, "machine") / one.seconds),
        said={what: median(partial(_said, what)) for what in first.said},
        unsteady=sum(one.dry or not one.steady for one in found),
        violations=[violation for one in found for violation in one.violations],
    )


def compared(one: Summary, first: Summary) -> Summary:
    """Put the ratios to the first side in."""
    return msgspec.structs.replace(
        one,
        ratio=first.orders_per_second.median / one.orders_per_second.median,
        cpu_ratio=first.orders_per_cpu_second / one.orders_per_cpu_second,
    )


def noise_of(trials: Sequence[Trial]) -> float:
    """How far apart the side that ran twice in each round is from itself; 0 when none did."""
    again = {one.round: one for one in trials if one.again}
    names = {one.side for one in again.values()}
    once = {one.round: one for one in trials if not one.again and one.side in names}
    both = sorted(once.keys() & again.keys())
    return noise([once[n].orders_per_second for n in both], [again[n].orders_per_second for n in both])


def _cpu(one: Trial, who: str) -> float:
    return float(one.used["cpu_seconds"].get(who, 0.0))


def _said(what: str, one: Trial) -> float:
    return one.said.get(what, 0.0)


def _cpu_per_million(who: str, one: Trial) -> float:
    return one.per_million(_cpu(one, who))


def _names(found: Sequence[Trial]) -> Mapping[str, None]:
    return dict.fromkeys(name for one in found for name in one.used["cpu_seconds"])


def per_million(summary: Summary) -> dict[str, Any]:
    """Costs of a million orders, by what the report calls them."""
    return {
        **{f"CPU seconds: {who}": seconds for who, seconds in summary.cpu_seconds.items()},
        "WAL, GB": summary.wal_bytes_per_order / 1e3,
        "WAL without full-page images, GB": summary.wal_bytes_per_order_without_images / 1e3,
        "Kafka, GB": summary.kafka_bytes_per_order / 1e3,
        "disk, GB": summary.disk_bytes_per_order / 1e3,
        "peak memory, MB": summary.peak_megabytes,
    }
