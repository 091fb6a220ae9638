"""Kafka's side of the replay: messages taken in on a thread of their own, transactions made anew."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka import Message as Received

from python_app_template.adapters import kafka_client
from python_app_template.adapters.wire.messages import Body
from python_app_template.settings import Settings
from tests.benchmark.floor.recording import Transaction

PATIENCE = 0.05
COMMIT_SECONDS = 1.0
SECONDS = 60.0


class Intake:
    """A member of the group with the service's properties; a batch is consumed and decoded while another is worked on.

    Which messages they are does not matter, as nothing is decided by them: their number is the recorded batch's.
    """

    def __init__(self, settings: Settings) -> None:
        own = {"auto.offset.reset": "earliest", "enable.partition.eof": False}
        self._consumer = Consumer(kafka_client.consumer(settings) | own, logger=kafka_client.LOGGER)
        self._consumer.subscribe([settings.kafka.input_topic])
        self._decode = msgspec.json.Decoder(Body).decode
        self._thread = ThreadPoolExecutor(1, "kafka-poll")
        self._topic = settings.kafka.input_topic
        self._reached: dict[int, int] = {}
        self._committed_at = time.monotonic()

    def fetch(self, messages: int) -> "Future[int]":
        """Begin to take in so many."""
        return self._thread.submit(self._fetch, messages)

    def close(self) -> None:
        """Leave the group, once what is under way is over."""
        self._thread.shutdown(cancel_futures=True)
        self._consumer.close()

    def _fetch(self, messages: int) -> int:
        left = messages
        while left > 0:
            first = self._consumer.poll(PATIENCE)
            received = [] if first is None else [first, *self._consumer.consume(left - 1, 0)]
            for one in received:
                self._take(one)
            left -= len(received)
        self._commit()
        return messages

    def _take(self, one: Received) -> None:
        """Touch all that the service touches of a message."""
        value, offset = one.value(), one.offset()
        one.key(), one.headers(), one.timestamp()
        self._reached[one.partition() or 0] = (offset or 0) + 1
        try:
            self._decode(value or b"")
        except ValueError:  # the mixed load has some of these
            return

    def _commit(self) -> None:
        if time.monotonic() - self._committed_at >= COMMIT_SECONDS:
            self._committed_at = time.monotonic()
            self._consumer.commit(offsets=[TopicPartition(self._topic, *at) for at in self._reached.items()])


class Output:
    """A transactional producer with the service's properties."""

    def __init__(self, settings: Settings, transactional_id: str) -> None:
        properties = kafka_client.producer(settings, transactional_id)
        self._producer = Producer(properties, logger=kafka_client.LOGGER)
        self._producer.init_transactions(SECONDS)
        self._methods = {name: getattr(self._producer, name) for name in ("produce", "produce_batch")}
        self.records = 0
        """What is visible, but for cursors."""

    def publish(self, transaction: Transaction) -> None:
        """Make one transaction. Blocks; raises KafkaException if anything of it is refused."""
        methods = self._methods
        self._producer.begin_transaction()
        for method, args, keywords in transaction.records:
            methods[method](*args, **keywords)
        self._producer.commit_transaction(SECONDS)
        self.records += transaction.count
