"""What is sent during a round: a seeded stream, as fast as the plan says, never too far ahead to be caught up."""

import random
import threading
from collections.abc import Callable, Iterator
from itertools import chain

from confluent_kafka import Producer

from python_app_template.settings import Settings
from tests.benchmark.load import batches, mixed, record
from tests.broker import SILENT
from tests.chaos.schedule import Plan
from tests.streams import Unsent, stream

TICK_SECONDS = 0.05
BATCHES_AHEAD = 30
"""At most, between what is sent and what is consumed."""
MESSAGES_AHEAD = 20_000
"""Likewise: what is left when a round is over has to be done in its time of quiet."""

FLUSH_SECONDS = 180.0


class Load:
    """Sends on a thread of its own until it is stopped."""

    def __init__(self, settings: Settings, plan: Plan, consumed: Callable[[], int]) -> None:
        self._topic = settings.kafka.input_topic
        self._per_tick = max(1, round(plan.messages_a_second * TICK_SECONDS))
        self._stream = unsent(plan)
        self._consumed, self._ahead = consumed, min(BATCHES_AHEAD * plan.batch_size, MESSAGES_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        # A broker that is away is waited for; one that answers late is not asked twice.
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka.bootstrap_servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": int(FLUSH_SECONDS * 1000),
                "reconnect.backoff.max.ms": 500,
            },
            logger=SILENT,
        )
        self.sent = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when all that was sent is acknowledged."""
        self._stopped.set()
        self._thread.join()
        assert self._producer.flush(FLUSH_SECONDS) == 0, "the broker does not take what is sent"

    def _run(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            self._producer.poll(0)
            if self.sent - self._consumed() < self._ahead:
                for _ in range(self._per_tick):
                    self._send(next(self._stream))

    def _send(self, unsent: Unsent) -> None:
        value, key, _ = unsent
        self._producer.produce(self._topic, value, key)
        self.sent += 1


def unsent(plan: Plan) -> Iterator[Unsent]:
    """Draw what the plan's seed makes: few names that meet each other, or the benchmark's mixed load."""
    chance = random.Random(f"{plan.seed}/{plan.number}/load")
    if plan.full_speed:
        return ((value, key, ()) for key, value in chain(map(record, batches()), mixed(chance.getrandbits(32))))
    return stream(chance, 10**9, orders=2000)
