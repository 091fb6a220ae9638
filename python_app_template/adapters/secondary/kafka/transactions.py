"""A transactional producer whose calls end in time, and whose errors name the record that was refused."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_client import LOGGER, Properties
from python_app_template.adapters.secondary.kafka.errors import REFUSALS
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Frame
from python_app_template.settings import Settings

Reach: TypeAlias = Callable[[str], None]
"""Told of each point where a test may want to end the process."""

Blame: TypeAlias = Callable[[KafkaError, str], Exception]
"""Maps an error to what is raised; the text says which act or record it befell."""

NewProducer: TypeAlias = Callable[[Properties], Producer]

SLICE_SECONDS = 0.5
"""librdkafka's calls that block are made in such slices, so that closing never waits long."""

POLL_SECONDS = 0.005
"""Between two looks at what was delivered."""

ABORT_SECONDS = 0.1
"""Enough for an abort to be on its way; the broker's answer is not needed."""

ANSWER_SECONDS = 1.0
"""How long a producer that is thrown away waits for what it has in flight; a broker that is up answers at once."""

SETTLING_SECONDS = 0.003
"""What the broker is given between a commit and the next transaction's first record.

It writes a transaction's markers after it has answered the commit, and refuses partitions for another one until then.
librdkafka 2.16 asks again after 20 ms, whatever the settings (rdkafka_txnmgr.c: CONCURRENT_TRANSACTIONS).
"""

GRACE_SECONDS = 10.0
"""What the broker is given beyond a transaction's time."""


def new_producer(properties: Properties) -> Producer:
    """Make librdkafka's; what it logs is ours."""
    return Producer(properties, logger=LOGGER)


class TransactionalProducer:
    """Blocks. Whatever goes wrong, it is thrown away: nothing is aborted and carried on."""

    def __init__(
        self,
        settings: Settings,
        transactional_id: str,
        blame: Blame,
        *,
        grace: float = GRACE_SECONDS,
        new_producer: NewProducer = new_producer,
    ) -> None:
        self._blame = blame
        self.patience = settings.kafka.transaction_timeout_ms / 1000 + grace
        self._settled_at = 0.0
        self._undelivered: list[tuple[KafkaError, Message]] = []
        # A callback that held this object would keep the producer alive, and its transaction open.
        report = partial(_note, self._undelivered)
        properties = kafka_client.producer(settings, transactional_id) | {"on_delivery": report}
        self._producer: Producer | None = None
        with self.refusals(f"producer {transactional_id}"):
            self._producer = new_producer(properties)

    def fence(self) -> None:
        """Shut older producers of this id out, and have what they left open ended."""
        with self.refusals("init_transactions"):
            self._in_slices(self._alive().init_transactions)

    def begin(self) -> None:
        """Begin a transaction, once the broker is done with the last one."""
        time.sleep(max(self._settled_at - time.monotonic(), 0.0))
        self._alive().begin_transaction()

    def produce(self, frame: Frame, number: int) -> None:
        """Hand a record over for this partition; waits while the queue is full."""
        headers: list[tuple[str, str | bytes | None]] = list(frame.headers)
        deadline = time.monotonic() + self.patience
        while True:
            try:
                self._alive().produce(frame.topic, frame.value, frame.key, number, headers=headers)
            except BufferError:
                if time.monotonic() > deadline:
                    raise TransientError("Kafka: the producer's queue stays full", code="QUEUE_FULL") from None
                self._alive().poll(POLL_SECONDS)
            else:
                return

    def flush(self) -> None:
        """Wait until the broker has what was handed over.

        librdkafka's own flush goes on to the delivery reports after a fatal error was raised: Python takes that ill.
        """
        deadline = time.monotonic() + self.patience
        while len(self._alive()):
            self._alive().poll(POLL_SECONDS)
            if time.monotonic() > deadline:
                raise TransientError("Kafka: records are not acknowledged", code="TIMED_OUT")

    def commit(self) -> None:
        """Make all of it visible."""
        self._in_slices(self._alive().commit_transaction)
        self._settled_at = time.monotonic() + SETTLING_SECONDS

    def close(self) -> None:
        """Throw the producer away, with what it has in hand; waits for no more than a moment."""
        producer, self._producer = self._producer, None
        if producer is not None:
            # Nobody has to wait until an open transaction's time is up. And librdkafka 2.16 ends the process with a
            # failed assertion when it is about to register partitions with one while the producer is destroyed.
            with suppress(KafkaException):
                producer.abort_transaction(ABORT_SECONDS)
            _await_answers(producer)

    @contextmanager
    def refusals(self, subject: str) -> Iterator[None]:
        """Raise what blame says, of the record that was refused if there is one."""
        try:
            yield
        except KafkaException as e:
            raise self._blame(*self._culprit(e.args[0], subject)) from e

    def _in_slices(self, call: Callable[[float], None]) -> None:
        """Repeat a call that librdkafka lets be repeated when its time is up, until ours is."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                call(SLICE_SECONDS)
            except KafkaException as e:
                error = e.args[0]
                if error.txn_requires_abort() or not error.retriable() or time.monotonic() > deadline:
                    raise
                self._alive().poll(0)
            else:
                return

    def _alive(self) -> Producer:
        if self._producer is None:
            raise TransientError("Kafka: the producer was closed", code="CLOSED")
        return self._producer

    def _culprit(self, error: KafkaError, subject: str) -> tuple[KafkaError, str]:
        """Return the error of a record that was not delivered, the largest of those refused, else what there is."""
        if error.code() == KafkaError._STATE and self._producer:  # noqa: SLF001 - its name
            self._producer.poll(SLICE_SECONDS)  # an earlier record was refused, and its report is on the way
        refused = [(e, m) for e, m in self._undelivered if e.code() in REFUSALS]
        if not refused:
            return (self._undelivered[0][0], subject) if self._undelivered else (error, subject)
        why, message = max(refused, key=lambda report: len(report[1]))
        size = len(message) + len(message.key() or b"")
        return why, f"a record for {message.topic()} with key {message.key()!r} ({size} bytes)"


def _await_answers(producer: Producer) -> None:
    """Wait until nothing is in flight.

    While librdkafka 2.16 destroys a transactional producer, rd_kafka_txns_term frees the text of its last error, but
    keeps the pointer. A produce request that is answered only then, and refused because the producer was fenced, has
    rd_kafka_txn_set_fatal_error free it again; by then the memory may be anybody's. The process ends with a failed
    assertion of malloc, or later and elsewhere: in list_offsets of another client, for instance.
    """
    deadline = time.monotonic() + ANSWER_SECONDS
    while len(producer) and time.monotonic() < deadline:
        with suppress(KafkaException):  # the fatal error, once more
            producer.poll(POLL_SECONDS)


def _note(undelivered: list[tuple[KafkaError, Message]], error: KafkaError | None, message: Message) -> None:
    if error is not None:
        undelivered.append((error, message))
