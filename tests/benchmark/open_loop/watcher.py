"""A process that notes when the last event of each order is visible. It prints what it saw, as JSON."""

import gc
import sys
import time
import uuid
from array import array
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from confluent_kafka import Consumer, TopicPartition

from tests.benchmark.open_loop.percentiles import Durations
from tests.benchmark.open_loop.schedule import NANOSECONDS, due
from tests.benchmark.open_loop.sender import Plan, begin, cpu_spent
from tests.benchmark.open_loop.stream import lines_of, number_of

LEFT_BEHIND = 30.0
"""Seconds after the last order was due, until which events are waited for."""
AT_ONCE = 10_000


class Body(msgspec.Struct):
    """The field that is of interest."""

    order_id: str = ""


class Watched(msgspec.Struct, frozen=True):
    """What was seen of the orders that count."""

    samples: int
    missing: int
    """Orders whose events did not all come: lost, or not yet there."""
    latency: dict[str, float]
    """Milliseconds from due to visible, the last event of each order."""
    orders_per_second: float
    """Visible, from the first to the last that counts."""
    cpu_share: float


class Tally:
    """Events still to come of each order, and when the last came. Constant memory: nine bytes an order."""

    def __init__(self, first: int, count: int) -> None:
        self._first, self._count = first, count
        self._seen = bytearray(count)
        self.visible = array("q", bytes(8 * count))
        self.complete = 0

    def note(self, order_id: str, now: int) -> None:
        """Count an event; those of other runs, and of others than the orders, are none of ours."""
        with suppress(ValueError):
            number = number_of(order_id) - self._first
            if 0 <= number < self._count:
                self._note(number, lines_of(order_id), now)

    def _note(self, number: int, lines: int, now: int) -> None:
        self._seen[number] = min(self._seen[number] + 1, 255)
        if self._seen[number] == lines:  # what comes once more does not move it
            self.visible[number] = now
            self.complete += 1


def tail(servers: str, topic: str) -> Consumer:
    """Open a reader of what is committed from now on; it is in no group."""
    own = {"group.id": f"watcher-{uuid.uuid4()}", "isolation.level": "read_committed", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": servers, "fetch.wait.max.ms": 10} | own)
    parts = [TopicPartition(topic, number) for number in consumer.list_topics(topic, 30).topics[topic].partitions]
    for part in parts:
        part.offset = consumer.get_watermark_offsets(part, 30)[1]
    consumer.assign(parts)
    return consumer


def order_ids(consumer: Consumer) -> list[str]:
    """Return those of the events that are there; of none, after a tenth of a second.

    `consume(n, t)` alone would wait for all n of them.
    """
    decode = msgspec.json.Decoder(Body).decode
    first = consumer.poll(0.1)
    if first is None:
        return []
    return [decode(m.value() or b"{}").order_id for m in [first, *consumer.consume(AT_ONCE, 0)] if not m.error()]


def watch(plan: Plan, consumer: Consumer) -> Watched:
    """Until all orders of the plan are visible, or nothing more is to be expected."""
    tally, offsets = Tally(plan.first, plan.count), array("q", due(plan.rate, plan.count, plan.first))
    began, spent = begin(), cpu_spent()
    until = began + offsets[-1] + int(LEFT_BEHIND * NANOSECONDS)
    while tally.complete < plan.count and time.monotonic_ns() < until:
        ids, now = order_ids(consumer), time.monotonic_ns()
        for order_id in ids:
            tally.note(order_id, now)
    share = (cpu_spent() - spent) * NANOSECONDS / (time.monotonic_ns() - began)
    return judged(
        tally.visible[plan.skipped :], array("q", (began + offset for offset in offsets[plan.skipped :])), share
    )


def judged(visible: Sequence[int], at: Sequence[int], cpu_share: float) -> Watched:
    """Compare when they were visible (0: never) to when they were due."""
    there = sorted(seen for seen in visible if seen)
    seconds = (there[-1] - there[0]) / NANOSECONDS if len(there) > 1 else 0.0
    return Watched(
        samples=len(there),
        missing=len(visible) - len(there),
        latency=Durations(seen - when for seen, when in zip(visible, at, strict=True) if seen).milliseconds(),
        orders_per_second=len(there) / seconds if seconds else 0.0,
        cpu_share=cpu_share,
    )


if __name__ == "__main__":
    gc.disable()  # as the sender
    given = msgspec.json.decode(sys.argv[1], type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(watch(given, tail(given.servers, given.output_topic))))
