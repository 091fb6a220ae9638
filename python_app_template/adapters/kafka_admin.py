"""Questions to the broker that belong to no consumer and no producer: topics, their ids, where logs begin and end."""

import asyncio
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin import ConfigResource as Resource  # type: ignore[attr-defined] # public, but for the stubs
from confluent_kafka.admin import OffsetSpec as Spec  # type: ignore[attr-defined] # likewise
from confluent_kafka.cimpl import NewTopic

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_errors import fault, kafka_errors
from python_app_template.adapters.kafka_login import Login
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.positions import Log
from python_app_template.settings import Settings, SettingsError

T = TypeVar("T")

SILENCE = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - so librdkafka names its own errors
        KafkaError._DESTROY,  # noqa: SLF001 - likewise: the client was thrown away meanwhile
        KafkaError._TIMED_OUT,  # noqa: SLF001 - likewise
        KafkaError._TIMED_OUT_QUEUE,  # noqa: SLF001 - likewise
        KafkaError._TRANSPORT,  # noqa: SLF001 - likewise
    }
)
"""Errors that no broker sent."""

FIRST, LAST = Spec.earliest(), Spec.latest()  # type: ignore[no-untyped-call] # nor have they a type

ANSWER_SECONDS = 10.0
"""How long an answer may take; longer: TransientError."""

BEYOND_SECONDS = 2.0
"""How long librdkafka may take, beyond the time it was given, to say that no answer came."""

LOOK_SECONDS = 1.0
"""Who answers has done so by then; from then on it counts if we are not let in."""

RENEW_SECONDS = 15.0
"""After so long without any answer another client asks: this one may have forgotten where the brokers are."""


class Topic(NamedTuple):
    """A topic as the broker describes it. The id tells it from one of the same name that was deleted."""

    id: str
    partitions: int


class Bounds(NamedTuple):
    """Offsets of a log: its first, the one after its last, and where a `read_committed` reader has to stop."""

    start: int
    end: int
    stable_end: int


class KafkaAdmin:
    """Asks without blocking. All raises TransientError; the constructor SettingsError, when librdkafka refuses them."""

    def __init__(
        self, settings: Settings, answer_seconds: float = ANSWER_SECONDS, *, renew_seconds: float = RENEW_SECONDS
    ) -> None:
        self._seconds, self._renew_seconds = answer_seconds, renew_seconds
        self._login = Login()
        self._properties = kafka_client.client(settings) | {"error_cb": self._login.note}
        self._silent_since: float | None = None
        try:
            self.client = self._new_client()
        except KafkaException as e:
            raise SettingsError([f"APP_KAFKA__CLIENT, or another of APP_KAFKA__...: {e.args[0].str()}"]) from e

    def _new_client(self) -> AdminClient:
        return AdminClient(self._properties, logger=kafka_client.LOGGER)

    async def topics(self, names: Iterable[str]) -> Mapping[str, Topic | None]:
        """Describe these topics; None: there is none of that name."""
        asked = self.client.describe_topics(TopicCollection(list(names)), request_timeout=self._seconds)
        return {name: await self._described(future) for name, future in asked.items()}

    async def rights(self, names: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """Return what we may do with these topics, in the words of Kafka's ACLs: READ, WRITE, DESCRIBE_CONFIGS, ..."""
        asked = self.client.describe_topics(
            TopicCollection(list(names)), include_authorized_operations=True, request_timeout=self._seconds
        )
        found = {name: (await self.answer(future)).authorized_operations for name, future in asked.items()}
        return {name: frozenset(operation.name for operation in may) for name, may in found.items()}

    async def topic(self, name: str) -> Topic:
        """Describe a topic that has to be there."""
        found = (await self.topics([name]))[name]
        if found is None:
            raise TransientError(f"Kafka: there is no topic {name}", code="UNKNOWN_TOPIC_OR_PART")
        return found

    async def bounds(self, partition: Partition) -> Bounds:
        """Return where the partition's log begins and ends."""
        return (await self.all_bounds([partition]))[partition]

    async def all_bounds(self, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        """Return where these logs begin and end; in three requests to each broker, however many they are."""
        end, stable = IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED
        found = await asyncio.gather(
            self._offsets(partitions, FIRST, end),
            self._offsets(partitions, LAST, end),
            self._offsets(partitions, LAST, stable),
        )
        return dict(zip(partitions, map(Bounds, *found), strict=True))

    async def log(self, partition: Partition) -> Log:
        """Return the partition's log as the core sees it."""
        topic, bounds = await asyncio.gather(self.topic(partition.topic), self.bounds(partition))
        return Log(topic.id, bounds.start, bounds.end)

    async def message_bytes(self, name: str) -> int:
        """Return the topic's max.message.bytes: how large a batch it takes."""
        resource = Resource(Resource.Type.TOPIC, name)
        (asked,) = self.client.describe_configs([resource], request_timeout=self._seconds).values()
        return int((await self.answer(asked))["max.message.bytes"].value)

    async def create(self, name: str, partitions: int, replicas: int, properties: Mapping[str, str]) -> bool:
        """Make a topic; False: there is one of that name already, and it stays as it is.

        Returns when the brokers know of it, which is a moment later than the controller.
        """
        new = NewTopic(name, partitions, replicas, config=dict(properties))
        (asked,) = self.client.create_topics([new], request_timeout=self._seconds).values()
        try:
            await self._outcome(asked)
        except KafkaException as e:
            if e.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise fault(e.args[0]) from e
        while (await self.topics([name]))[name] is None:  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0.02)
        return True

    async def answer(self, future: "Future[T]") -> T:
        """Wait for what an admin call promised."""
        with kafka_errors():
            return await self._outcome(future)

    async def _outcome(self, future: "Future[T]") -> T:
        self.client.poll(0)  # forwards the client's log
        try:
            answer = await self._unless_barred(asyncio.wrap_future(future))
        except KafkaException as e:
            answered = e.args[0].code() not in SILENCE
            self._note(answered=answered)
            self.client.poll(0)  # tells what keeps us out, if anything does
            if not answered and self._login.refusal is not None:
                raise self._login.refusal from e
            raise
        self._note(answered=True)
        return answer

    async def _unless_barred(self, asked: "asyncio.Future[T]") -> T:
        """Wait, but not for who does not let us in, nor for a client that was thrown away with its promises."""
        until = time.monotonic() + self._seconds + BEYOND_SECONDS
        while not (await asyncio.wait({asked}, timeout=LOOK_SECONDS))[0]:
            self.client.poll(0)
            if self._login.refusal is not None:
                asked.cancel()
                raise self._login.refusal
            if time.monotonic() > until:
                asked.cancel()
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - so librdkafka names it
        return asked.result()

    def _note(self, *, answered: bool) -> None:
        """Take a new client when this one has been left without an answer for long."""
        now = time.monotonic()
        if answered:
            self._silent_since = self._login.refusal = None
        elif self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since > self._renew_seconds:
            last, self.client, self._silent_since = [self.client], self._new_client(), None
            threading.Thread(target=last.clear, name="kafka-admin-end", daemon=True).start()  # to end it may take long

    async def _offsets(self, partitions: Sequence[Partition], spec: Spec, isolation: IsolationLevel) -> list[int]:
        asked: dict[Any, Future[Any]] = self.client.list_offsets(
            {TopicPartition(*partition): spec for partition in partitions},
            isolation_level=isolation,
            request_timeout=self._seconds,
        )
        futures = zip(partitions, asked.values(), strict=True)
        return await asyncio.gather(*(self._offset(partition, future) for partition, future in futures))

    async def _offset(self, partition: Partition, future: "Future[Any]") -> int:
        offset = int((await self.answer(future)).offset)
        if offset < 0:  # so a broker that has just come back answers, without an error
            raise TransientError(f"Kafka: nobody knows yet where {partition} begins or ends", code="UNKNOWN_OFFSET")
        return offset

    async def _described(self, future: "Future[Any]") -> Topic | None:
        try:
            found = await self._outcome(future)
        except KafkaException as e:
            if e.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise fault(e.args[0]) from e
        return Topic(str(found.topic_id), len(found.partitions))
