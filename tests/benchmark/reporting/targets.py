"""The targets: what is wanted, what was measured, and whether that is enough beyond the noise."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from tests.benchmark.figures import is_met, spread
from tests.benchmark.reporting.measurements import REFERENCE, Measurements

MEMORY_MEGABYTES = 300.0
WRITES, WRITE_MS = 2000, 50.0
"""A second over HTTP, and the 99th percentile of their latencies."""
PARTS = ("worker", "relay")


class Reading(NamedTuple):
    """What a target is held against."""

    figure: str
    noise: str
    met: bool | None
    """None: it was to be reported, no more."""


class Target(NamedTuple):
    """One row; `read` returns None when it was not measured."""

    key: str
    what: str
    wanted: str
    read: Callable[[Measurements], Reading | None]


def ratio(kind: str, wanted: float, found: Measurements) -> Reading | None:
    """How many times as fast as a peer, serial as people write it."""
    peer = found.side(kind)
    if peer is None or found.side(*REFERENCE) is None:
        return None
    rate = peer.orders_per_second
    noise = max(found.noise(), (rate.most - rate.least) / 2 / rate.median)
    figure = f"{peer.ratio:,.1f}; by CPU {peer.cpu_ratio:,.1f}"
    return Reading(figure, f"±{noise:.1%}", is_met(peer.ratio, wanted, noise))


def floor(found: Measurements) -> Reading | None:
    """The service's share of a replay of what it asks for."""
    shares = found.figures("throughput").get("floor") or found.figures("share")
    if not shares:
        return None
    named = {name: value for name, value in shares.items() if name.startswith("share of ")}
    figure = "; ".join(f"{value:.0%} {name.removeprefix('share ')}" for name, value in named.items())
    return Reading(figure, f"±{found.noise():.1%}", is_met(named["share of floor"], 0.7, found.noise()))


def light(found: Measurements) -> Reading | None:
    """At 200 orders a second."""
    return latency(found, 50.0, lambda point: abs(float(point["orders_per_second_due"]) - 200) < 1)


def half(found: Measurements) -> Reading | None:
    """At half of what is sustained."""
    return latency(found, 250.0, lambda point: float(point["share"]) == 0.5)


def latency(found: Measurements, wanted: float, is_it: Callable[[dict[str, float]], bool]) -> Reading | None:
    """The reference's p99 at a load."""
    sides = [side for name, side in found.figures("latency").items() if name.startswith(REFERENCE[0])]
    point = next((point for side in sides[:1] for point in side["points"] if is_it(point)), None)
    if point is None:
        return None
    took = point["milliseconds"]
    figure = f"{took['p99']:,.1f} ms (p50 {took['p50']:,.1f}, p99.9 {took['p99_9']:,.1f}, max {took['max']:,.1f})"
    return Reading(f"{figure}; {point['samples']:,} samples", "-", took["p99"] < wanted)


def history(found: Measurements) -> Reading | None:
    """The last tenth of ten million lines against the first; the noise is half of what all ten lie within."""
    growth = found.figures("growth")
    if not growth:
        return None
    tenths = spread(growth["lines_per_second"])
    noise = (tenths.most - tenths.least) / 2 / tenths.median
    figure = f"{growth['ratio']:.0%} after {growth['lines']:,.0f} lines"
    return Reading(figure, f"±{noise:.1%}", is_met(growth["ratio"], 0.9, noise))


def slopes(found: Measurements) -> Reading | None:
    """Megabytes a minute of each process, at a steady and at full rate; the upper end of the interval counts."""
    series = [(load, part, run[part]) for load, run in found.figures("endurance").items() for part in PARTS]
    if not series:
        return None
    told = (
        f"{part}, {load}: {one['megabytes_a_minute']:+.2f} ({one['megabytes_a_minute_low']:+.2f} to "
        f"{one['megabytes_a_minute_high']:+.2f})"
        for load, part, one in series
    )
    highest = max(float(one["megabytes_a_minute_high"]) for _, _, one in series)
    return Reading("; ".join(told), "the interval", highest < 1.0)


def memory(found: Measurements) -> Reading | None:
    """The most that any process of the service had resident."""
    peaks = [*_peaks(found)]
    if not peaks:
        return None
    figure = "; ".join(f"{name} {peak:,.0f} MB" for name, peak in peaks)
    return Reading(figure, "-", max(peak for _, peak in peaks) < MEMORY_MEGABYTES)


def _peaks(found: Measurements) -> Iterator[tuple[str, float]]:
    for load, run in found.figures("endurance").items():
        yield from ((f"{part}, {load},", float(run[part]["peak_megabytes"])) for part in PARTS)
    for part in PARTS:
        if one := found.figures("catchup").get(part):
            yield f"{part}, catching up,", float(one["peak_megabytes"])


def start(found: Measurements) -> Reading | None:
    """From exec to the first commit."""
    one = found.figures("startup").get("seconds", {}).get("first commit")
    if one is None:
        return None
    figure = f"{one['median']:.2f} s, median of {one['times']}"
    return Reading(figure, f"{one['least']:.2f} to {one['most']:.2f} s", one["median"] < 1.5)


def catching_up(found: Measurements) -> Reading | None:
    """Five million messages behind: as fast as ever, without more memory by the minute."""
    catchup, reference = found.figures("catchup"), found.side(*REFERENCE)
    if not catchup or reference is None:
        return None
    share = catchup["orders_per_second"] / reference.orders_per_second.median
    slope = catchup["worker"]
    figure = (
        f"{catchup['orders_per_second']:,.0f} orders/s, {share:.0%} of the contest's; "
        f"{slope['megabytes_a_minute']:+.1f} MB a minute"
    )
    met = is_met(1 / share, 1 / 0.9, found.noise(), at_most=True) and slope["megabytes_a_minute_low"] < 1.0
    return Reading(figure, f"±{found.noise():.1%}", met)


def bytes_per_line(found: Measurements) -> Reading | None:
    """What a line leaves on disk."""
    one = found.side(*REFERENCE)
    if one is None:
        return None
    lines = one.events_per_second / one.orders_per_second.median
    wal, without = one.wal_bytes_per_order / lines, one.wal_bytes_per_order_without_images / lines
    kafka, disk = one.kafka_bytes_per_order / lines, one.disk_bytes_per_order / lines
    figure = f"WAL {wal:,.0f} ({without:,.0f} without full-page images), disk {disk:,.0f}, of it Kafka {kafka:,.0f}"
    return Reading(figure, "-", None)


def api(found: Measurements) -> Reading | None:
    """Writes over HTTP, and what the peer takes for one that it only writes down."""
    one = found.figures("api")
    if not one:
        return None
    figure = (
        f"{one['api_per_second']:,.0f}/s, p99 {one['api_p99_ms']:,.1f} ms (p50 {one['api_p50_ms']:,.1f}, "
        f"max {one['api_max_ms']:,.1f}); {one['api_cpu_us_per_write']:,.0f} µs of a core for each"
    )
    if "peer_per_second" in one:
        figure += (
            f"; FastAPI + ORM at {one['peer_per_second']:,.0f}/s: p99 {one['peer_p99_ms']:,.1f} ms, "
            f"{one['peer_cpu_us_per_write']:,.0f} µs"
        )
    return Reading(figure, "-", one["api_per_second"] >= WRITES and one["api_p99_ms"] < WRITE_MS)


TARGETS: Sequence[Target] = (
    Target("orm", "to FastStream, ORM transaction per message", "≥ 200", partial(ratio, "faststream_orm", 200.0)),
    Target("outbox", "to the same with equal guarantees", "≥ 250", partial(ratio, "faststream_outbox", 250.0)),
    Target("batch", "to FastStream's batch mode", "≥ 12", partial(ratio, "faststream_batch", 12.0)),
    Target("floor", "share of the floor", "≥ 70 %", floor),
    Target("light", "p99, produced to visible, 200 orders/s", "< 50 ms", light),
    Target("half", "p99 at 50 % of the rate that the same setup sustains", "< 250 ms", half),
    Target("history", "throughput after 10 million lines of history, to that at none", "≥ 90 %", history),
    Target("slope", "resident memory, 30 minutes at 5,000 orders/s and 5 at full rate", "< 1 MB a minute", slopes),
    Target("memory", "peak memory of a worker", "< 300 MB", memory),
    Target("start", "exec to first commit, files warm, coordinator loaded", "< 1.5 s", start),
    Target("catchup", "catching up, 5 million messages behind", "top rate, memory flat", catching_up),
    Target("api", "writes over HTTP, role `api` on one core, open loop", "≥ 2,000/s, p99 < 50 ms", api),
    Target("bytes", "bytes of WAL and of disk for a line", "reported, and brought down", bytes_per_line),
)


def verdict(reading: Reading | None) -> str:
    """In a word."""
    if reading is None:
        return "not measured"
    return "reported" if reading.met is None else "met" if reading.met else "**not met**"
