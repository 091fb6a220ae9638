"""What the consumer yields, sorted: messages and ends make a batch, errors are noted, what is revoked is dropped."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message

from python_app_template.adapters.primary.kafka.gathering import Bounds, Decode, Gathering
from python_app_template.adapters.primary.kafka.lanes import Lane, Lanes
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.signals import Fetched

C = TypeVar("C")
Received: TypeAlias = Sequence[Message]

UNREADABLE = frozenset(
    {
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 - so librdkafka names its own errors
        KafkaError._LOG_TRUNCATION,  # noqa: SLF001 - likewise
        KafkaError.OFFSET_OUT_OF_RANGE,
    }
)


class Stuck(NamedTuple):
    """The log has nothing at the offset that this partition was to be read from."""

    partition: Partition
    assignment: int


class Pollable(Protocol):
    """What is used of confluent_kafka.Consumer here."""

    def poll(self, timeout: float, /) -> Message | None: ...  # noqa: D102 - librdkafka's own
    def consume(self, num_messages: int, timeout: float, /) -> list[Message]: ...  # noqa: D102 - likewise


class Fetching(Generic[C]):
    """Makes batches. What does not fit into one is the next one's beginning."""

    def __init__(
        self,
        consumer: Pollable,
        lanes: Lanes,
        decode: Decode[C],
        bounds: Bounds,
        note: Callable[[KafkaError], None],
        report: Callable[[Stuck], None],
    ) -> None:
        self._consumer, self._lanes, self._decode, self._bounds = consumer, lanes, decode, bounds
        self._note, self._report = note, report
        self._held_back: Received = ()
        self._left = bounds
        self._resumed: frozenset[Partition] = frozenset()

    def fetch(self, patience: float) -> Fetched[C] | None:
        """Wait for one message, take with it what is there already; None: nothing came.

        To ask for many at once would wait until there are many, or the whole time.
        """
        return self._gathered(Gathering(self._decode, self._bounds), patience)

    def more(self) -> Fetched[C] | None:
        """Take what is there by now and fits into the batch that was fetched last; None: nothing."""
        return self._gathered(Gathering(self._decode, self._left, begun=True), 0)

    @property
    def full(self) -> bool:
        """Whether nothing more fits."""
        return self._left.messages < 1

    def _gathered(self, gathering: Gathering[C], patience: float) -> Fetched[C] | None:
        received, self._held_back = self._held_back or self._polled(patience), ()
        while received:
            self._held_back = self._sort(received, gathering)
            received = self._consumed(gathering.room) if gathering.room else ()
        self._left = gathering.left
        return self._fetched(gathering)

    def serve(self, patience: float) -> None:
        """Poll for the membership's sake, while all is paused; should a message come, it is the next batch's first."""
        received = self._polled(patience)
        self._held_back = [*self._held_back, *received]

    def resumed(self, partitions: frozenset[Partition]) -> None:
        """Say of these, with the next batch, that a gap before their next message may be a false one."""
        self._resumed |= partitions

    def renew(self, consumer: Pollable) -> None:
        """Go on with another consumer; nothing of the old one is handed over any more."""
        self._consumer, self._held_back = consumer, ()

    def forget(self, partition: Partition) -> None:
        """Drop what is held back of it: it is read from elsewhere, or not at all."""
        self._held_back = [m for m in self._held_back if m.partition() != partition.number]

    def _polled(self, patience: float) -> Received:
        try:
            received = self._consumer.poll(patience)
        except KafkaException as e:
            return self._interrupted(e)
        return [] if received is None else [received]  # a message without a value is falsy

    def _consumed(self, number: int) -> Received:
        try:
            return self._consumer.consume(number, 0)
        except KafkaException as e:
            return self._interrupted(e)

    def _interrupted(self, fault: KafkaException) -> Received:
        self._note(fault.args[0])
        self.resumed(frozenset(lane.partition for lane in self._lanes))
        return ()

    def _sort(self, received: Received, gathering: Gathering[C]) -> Received:
        """Take messages, ends and errors apart; return what did not fit."""
        delivering = self._lanes.delivering()
        for i, one in enumerate(received):
            if (error := one.error()) is not None:
                self._sort_error(error, self._lanes.get(one.partition()), one.offset() or 0, gathering)
                delivering = self._lanes.delivering()
            elif (partition := delivering.get(one.partition())) and not gathering.take(partition, one):
                return received[i:]
        return ()

    def _sort_error(self, error: KafkaError, lane: Lane | None, offset: int, gathering: Gathering[C]) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
            if lane is not None and lane.delivers:
                gathering.ends[lane.partition] = offset
            return
        self._note(error)
        if lane is None:
            return
        self.resumed(frozenset([lane.partition]))
        if error.code() in UNREADABLE:
            delivered, lane.broken = lane.delivers, True
            if delivered:
                self._report(Stuck(lane.partition, lane.assignment))

    def _fetched(self, gathering: Gathering[C]) -> Fetched[C] | None:
        if not gathering.messages and not gathering.ends:
            return None
        self._record_progress(gathering)
        resumed, self._resumed = self._resumed, frozenset()
        return Fetched(gathering.messages, gathering.ends, resumed)

    def _record_progress(self, gathering: Gathering[C]) -> None:
        for partition, messages in gathering.by_partition().items():
            if lane := self._lanes.get(partition.number):
                lane.progress.handed_over(messages)
        for partition, end in gathering.ends.items():
            if lane := self._lanes.get(partition.number):
                lane.progress.reached_end(end)
