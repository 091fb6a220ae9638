"""A process that sends as much as is answered: what a service sustains, without a backlog to be waited for."""

import gc
import sys
import time

import msgspec
from confluent_kafka import Producer

from tests.benchmark.figures import agree
from tests.benchmark.open_loop.stream import stream
from tests.benchmark.open_loop.watcher import AT_ONCE, tail

WINDOW_SECONDS = 2.0
LEAST = 400
"""Events in flight at the beginning: little enough for the slowest to be done with them soon."""
DRAIN_SECONDS = 60.0
HEARING_SECONDS = 0.02


class Flood(msgspec.Struct, frozen=True):
    """What is sent, and for how long at most."""

    servers: str
    input_topic: str
    output_topic: str
    seconds: float
    first: int = 0
    """Number of the first order. Events of smaller ones are out by now: all that comes is counted."""
    until_steady: bool = True
    """Whether it ends as soon as three windows agree."""


class Sustained(msgspec.Struct, frozen=True):
    """What was answered, and in the end what was not."""

    windows: list[float]
    """Orders per second in each."""
    rate: float
    """The mean of the last three."""
    sent: int
    events: int
    """That are owed for all that was sent."""
    missing: int
    """Events that did not come within a minute after the last that came."""


class Loop:
    """In flight is what two seconds answer: batches fill, and little is left in the end."""

    def __init__(self, flood: Flood) -> None:
        waits = {"linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
        self._producer = Producer({"bootstrap.servers": flood.servers, "partitioner": "murmur2_random"} | waits)
        self._consumer = tail(flood.servers, flood.output_topic)
        self._flood = flood
        self._orders = stream(flood.first, flood.first)
        self.sent = self.events = self.answered = 0
        self._wanted = LEAST

    def window(self) -> float:
        """Keep it going for a window; return how many orders a second were answered."""
        began, before = time.monotonic(), self.answered
        while (lasted := time.monotonic() - began) < WINDOW_SECONDS:
            self._send(self._wanted - (self.events - self.answered))
            self._hear()
        rate = (self.answered - before) / lasted
        self._wanted = max(LEAST, int(2 * rate))
        return rate * self.sent / self.events

    def drain(self) -> None:
        """Wait for what is in flight, as long as anything comes."""
        self._producer.flush(DRAIN_SECONDS)
        heard = time.monotonic()
        while self.answered < self.events and time.monotonic() < heard + DRAIN_SECONDS:
            heard = time.monotonic() if self._hear() else heard

    def _send(self, events: int) -> None:
        owed = self.events + events
        while self.events < owed:
            order = next(self._orders)
            self._producer.produce(self._flood.input_topic, order.value, order.order_id)
            self.sent, self.events = self.sent + 1, self.events + order.lines
        self._producer.poll(0)

    def _hear(self) -> int:
        """Count what came; nothing is decoded, as whoever counts takes from the processors what the service lacks."""
        heard = sum(not message.error() for message in self._consumer.consume(AT_ONCE, HEARING_SECONDS))
        self.answered += heard
        return heard


def flooded(flood: Flood) -> Sustained:
    """Do it, and wait for the end."""
    loop, windows, until = Loop(flood), list[float](), time.monotonic() + flood.seconds
    while time.monotonic() < until and not (flood.until_steady and agree(windows)):
        windows.append(loop.window())
    loop.drain()
    last = windows[-3:]
    return Sustained(windows, sum(last) / len(last), loop.sent, loop.events, loop.events - loop.answered)


if __name__ == "__main__":
    gc.disable()  # as the sender
    sys.stdout.buffer.write(msgspec.json.encode(flooded(msgspec.json.decode(sys.argv[1], type=Flood))))
