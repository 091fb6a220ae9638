"""A process that sends orders when they are due. Its plan is its argument; it prints what came of it, as JSON."""

import gc
import resource
import sys
import time

import msgspec
from confluent_kafka import Producer

from tests.benchmark.open_loop.percentiles import Durations
from tests.benchmark.open_loop.schedule import NANOSECONDS, due
from tests.benchmark.open_loop.stream import Order, stream

QUANTUM = 500_000
"""Nanoseconds that it rests at least when it rests: at high rates it would wake for every single order."""


class Plan(msgspec.Struct, frozen=True):
    """What is sent, and when; the reader has the same."""

    servers: str
    input_topic: str
    output_topic: str
    rate: float
    count: int
    first: int = 0
    """Number of the first order; no two plans for one service have an order in common."""
    skipped: int = 0
    """Orders at the beginning that warm things up and count for nothing."""


READY = b"ready\n"


def begin() -> int:
    """Say that everything is there, and hear when the schedule begins.

    As `time.monotonic_ns()`, which all processes of a machine share.
    """
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    return int(sys.stdin.readline())


class Sent(msgspec.Struct, frozen=True):
    """What the sender has to say for itself."""

    events: int
    lateness: dict[str, float]
    """Milliseconds between due and given to the producer, of those that count."""
    cpu_share: float
    """CPU seconds per second, user and system."""


def linger(rate: float) -> float:
    """Milliseconds that the producer waits for company: none to speak of when there is none."""
    return min(1.0, rate / 1000)


class Sender:
    """A producer, and the clock that it keeps."""

    def __init__(self, plan: Plan) -> None:
        waits = {"linger.ms": linger(plan.rate), "queue.buffering.max.messages": 1_000_000}
        self._producer = Producer({"bootstrap.servers": plan.servers, "partitioner": "murmur2_random"} | waits)
        self._plan = plan

    def send(self) -> Sent:
        """Send all of it, acknowledged."""
        plan, events, late = self._plan, 0, Durations()
        counted = plan.first + plan.skipped
        schedule = zip(due(plan.rate, plan.count, plan.first), stream(plan.first, plan.first), strict=False)
        began, spent = begin(), cpu_spent()
        for number, (offset, order) in enumerate(schedule, plan.first):
            lateness = self._await(began + offset)
            self._produce(order)
            events += order.lines
            if number >= counted:
                late.record(lateness)
        share = (cpu_spent() - spent) * NANOSECONDS / (time.monotonic_ns() - began)
        assert self._producer.flush(120) == 0, "not acknowledged"
        return Sent(events, late.milliseconds(), share)

    def _await(self, at: int) -> int:
        """Return how many nanoseconds late it is by then."""
        while (ahead := at - time.monotonic_ns()) > 0:
            self._producer.poll(0)
            time.sleep(max(ahead, QUANTUM) / NANOSECONDS)
        return -ahead

    def _produce(self, order: Order) -> None:
        while True:
            try:
                return self._producer.produce(self._plan.input_topic, order.value, order.order_id)
            except BufferError:
                self._producer.poll(0.1)


def cpu_spent() -> float:
    """Seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    gc.disable()  # it makes no cycles, and a pass over the pool would make orders late
    sent = Sender(msgspec.json.decode(sys.argv[1], type=Plan)).send()
    sys.stdout.buffer.write(msgspec.json.encode(sent))
