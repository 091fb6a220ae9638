"""JSON lines to the input topic: all checked before any is sent, and waited for until acknowledged."""

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_errors import kafka_errors
from python_app_template.cli.faults import SILENCE, CommandFailed, away, broker_needed
from python_app_template.cli.output import counting
from python_app_template.cli.reading import partitions
from python_app_template.cli.story.keys import Keyed, keyed
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings


class Checked(NamedTuple):
    """Messages that may be sent, and how many they are."""

    messages: Iterable[Keyed]
    number: int


SPOOLED_BYTES = 16 * 2**20
"""Above, lines that wait for the check of the others do so on disk."""

TIMEOUT_SECONDS = 30
"""Until a message that the broker does not acknowledge is given up."""

POLL_SECONDS = 0.1


@contextmanager
def checked(lines: Iterable[bytes]) -> Iterator[Checked]:
    """Yield the messages with their keys, once every line is known to be a JSON object. Raises CommandFailed."""
    with tempfile.SpooledTemporaryFile(SPOOLED_BYTES) as spool:
        number = 0
        for number, line in enumerate(lines, 1):
            try:
                keyed(line)
            except ValueError as fault:
                raise CommandFailed(
                    f"line {number}: no JSON object: {fault}; nothing was sent", ExitCode.SETTINGS
                ) from fault
            spool.write(line if line.endswith(b"\n") else line + b"\n")
        spool.seek(0)
        yield Checked(map(keyed, spool), number)


class Sent(NamedTuple):
    """What was acknowledged, and how long that took."""

    topic: str
    messages: int
    seconds: float

    def and_then(self, other: "Sent") -> "Sent":
        """Return both as one."""
        return Sent(self.topic, self.messages + other.messages, self.seconds + other.seconds)


@contextmanager
def sending(settings: Settings) -> Iterator["Sender"]:
    """Open a sender to a topic that is there. Raises CommandFailed."""
    with broker_needed(settings):
        sender = Sender(settings)
        partitions(settings, settings.kafka.input_topic)  # says what is wrong sooner than a message that times out
        yield sender


class Sender:
    """A producer that counts what the broker has acknowledged. Raises TransientError, CommandFailed."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._topic = settings, settings.kafka.input_topic
        self._refused: KafkaError | None = None
        self.acknowledged = 0
        properties = kafka_client.client(settings) | {
            "partitioner": "murmur2_random",
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 5,
            "message.max.bytes": kafka_client.UNLIMITED,
            "message.timeout.ms": TIMEOUT_SECONDS * 1000,
            "on_delivery": self._on_delivery,
        }
        with kafka_errors():
            self._producer = Producer(properties, logger=kafka_client.LOGGER)

    def send(self, key: bytes | None, value: bytes | None) -> None:
        """Hand a message over; blocks while the queue is full."""
        while True:
            try:
                self._producer.produce(self._topic, value, key)
            except BufferError:
                self.poll(POLL_SECONDS)
            else:
                self.poll(0)
                return

    def send_all(self, messages: Iterable[Keyed], count: int) -> Sent:
        """Send them all, and wait until they are acknowledged. Raises CommandFailed."""
        began, before = time.monotonic(), self.acknowledged
        with counting("messages") as progress:
            bar = progress.add_task(f"to {self._topic}", total=count)
            for key, value in messages:
                self.send(key, value)
                progress.update(bar, completed=self.acknowledged - before)
            for acknowledged in self.finish():
                progress.update(bar, completed=acknowledged - before)
        return Sent(self._topic, self.acknowledged - before, time.monotonic() - began)

    def poll(self, seconds: float) -> None:
        """Hear what was acknowledged. Raises CommandFailed for what never will be."""
        self._producer.poll(seconds)
        if self._refused is not None:
            raise self._fault(self._refused)

    def finish(self) -> Iterator[int]:
        """Wait until all is acknowledged; yields how much that is by now."""
        while len(self._producer):
            self.poll(POLL_SECONDS)
            yield self.acknowledged
        self.poll(0)

    def flush(self) -> None:
        """Wait until all is acknowledged. Raises CommandFailed."""
        for _ in self.finish():
            pass

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self._refused = self._refused or error

    def _fault(self, error: KafkaError) -> CommandFailed:
        if error.name().lstrip("_") in SILENCE:
            return away(self._settings)
        return CommandFailed(f"{self._topic} does not take a message: {error.str()}; {self.acknowledged} were taken")
