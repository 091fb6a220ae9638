"""The assigned partitions as librdkafka has to be told of them: assigned, paused for reasons, sought, resumed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count
from typing import NamedTuple, Protocol

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from python_app_template.adapters.primary.kafka.lag import Progress
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.signals import Assigned, Revoked

NOT_ASSIGNED = KafkaError._INVALID_ARG  # noqa: SLF001 - so librdkafka names its own errors
"""What the removal of a partition fails with that is not assigned."""


class Why(Enum):
    """Reasons for a pause."""

    UNCLAIMED = auto()
    HALTED = auto()
    PRESSURE = auto()


class Run(NamedTuple):
    """What is delivered between two starts of a partition; a later one is greater."""

    assignment: int
    number: int


NO_RUN = Run(0, 0)
"""Before all others."""


class Assignable(Protocol):
    """What is used of confluent_kafka.Consumer here."""

    def incremental_assign(self, partitions: list[TopicPartition], /) -> None: ...  # noqa: D102 - librdkafka's own
    def incremental_unassign(self, partitions: list[TopicPartition], /) -> None: ...  # noqa: D102 - likewise
    def pause(self, partitions: list[TopicPartition], /) -> None: ...  # noqa: D102 - likewise
    def resume(self, partitions: list[TopicPartition], /) -> None: ...  # noqa: D102 - likewise
    def seek(self, partition: TopicPartition, /) -> None: ...  # noqa: D102 - likewise


@dataclass(slots=True)
class Lane:
    """An assigned partition; librdkafka has it paused exactly while there is a reason."""

    partition: Partition
    assignment: int
    pauses: set[Why]
    broken: bool = False
    """librdkafka has given up reading it: a seek would not help."""
    progress: Progress = field(default_factory=Progress)
    started: int = 0
    """The number of the last start that was carried out."""

    @property
    def run(self) -> Run:
        """What it delivers now is of this run."""
        return Run(self.assignment, self.started)

    @property
    def delivers(self) -> bool:
        """Whether what comes of it is wanted; under pressure it still is."""
        return not (self.broken or Why.UNCLAIMED in self.pauses or Why.HALTED in self.pauses)

    def at(self, offset: int = OFFSET_BEGINNING) -> TopicPartition:
        """Return it in librdkafka's terms."""
        return TopicPartition(*self.partition, offset)


class Lanes:
    """All assigned partitions of one topic, by number. Raises KafkaException: what failed can be done again."""

    def __init__(self, consumer: Assignable) -> None:
        self._consumer = consumer
        self._lanes: dict[int, Lane] = {}
        self._assignments = count(1)
        self.pressed = False

    def __iter__(self) -> Iterator[Lane]:
        return iter(list(self._lanes.values()))

    def get(self, number: int | None) -> Lane | None:
        """Return the lane of the partition with this number, if it is assigned."""
        return self._lanes.get(-1 if number is None else number)

    def delivering(self) -> Mapping[int | None, Partition]:
        """Return the partitions of which what comes is wanted, by number, as they are at this moment."""
        return {number: lane.partition for number, lane in self._lanes.items() if lane.delivers}

    def held(self, partition: Partition, assignment: int) -> Lane | None:
        """Return its lane, if it is still this very assignment."""
        lane = self._lanes.get(partition.number)
        return lane if lane and lane.assignment == assignment else None

    def assign(self, given: list[TopicPartition]) -> Assigned:
        """Take partitions on, from the beginning and paused: the true offset comes with the claim.

        With the default offset and `auto.offset.reset=error` each would yield an error, though paused.
        """
        number = next(self._assignments)
        reasons = {Why.UNCLAIMED, Why.PRESSURE} if self.pressed else {Why.UNCLAIMED}
        lanes = [Lane(Partition(tp.topic, tp.partition), number, set(reasons)) for tp in given]
        self._consumer.incremental_assign([lane.at() for lane in lanes])
        self._pause(lanes)
        self._lanes |= {lane.partition.number: lane for lane in lanes}
        return Assigned(frozenset(lane.partition for lane in lanes), number)

    def revoke(self, taken: list[TopicPartition]) -> Revoked:
        """Let partitions go."""
        for tp in taken:
            self._lanes.pop(tp.partition, None)
        self._consumer.incremental_unassign(taken)
        return Revoked(frozenset(Partition(tp.topic, tp.partition) for tp in taken))

    def renew(self, consumer: Assignable) -> Revoked:
        """Go on with another consumer, to which nothing is assigned; return what this one still had."""
        left = frozenset(lane.partition for lane in self)
        self._consumer = consumer
        self._lanes.clear()
        return Revoked(left)

    def start(self, lane: Lane, offset: int) -> None:
        """Read from this offset: sought first, then resumed (the other way round delivers old offsets)."""
        if lane.broken or not self._sought(lane.at(offset)):
            self._assign_anew(lane, offset)
        lane.broken = False
        lane.progress.started(offset)
        self._drop([lane], {Why.UNCLAIMED, Why.HALTED})

    def stop(self, lane: Lane) -> None:
        """Read no more of it."""
        self._add([lane], Why.HALTED)

    def press(self) -> None:
        """Pause everything that is not paused yet."""
        self._add(self, Why.PRESSURE)
        self.pressed = True

    def relieve(self) -> frozenset[Partition]:
        """End that; return what is read again."""
        resumed = self._drop(self, {Why.PRESSURE})
        self.pressed = False
        return resumed

    def _sought(self, target: TopicPartition) -> bool:
        """Whether librdkafka could do it; `_STATE` it says of a partition that it does not read yet, or no more."""
        try:
            self._consumer.seek(target)
        except KafkaException:
            return False
        return True

    def _assign_anew(self, lane: Lane, offset: int) -> None:
        lane.broken = True  # until all of this has been done
        try:
            self._consumer.incremental_unassign([lane.at()])
        except KafkaException as e:
            if e.args[0].code() != NOT_ASSIGNED:
                raise
        self._consumer.incremental_assign([lane.at(offset)])
        self._pause([lane] if lane.pauses else [])

    def _add(self, lanes: Iterable[Lane], why: Why) -> None:
        self._pause([lane for lane in lanes if not lane.pauses])
        for lane in lanes:
            lane.pauses.add(why)

    def _drop(self, lanes: Iterable[Lane], reasons: set[Why]) -> frozenset[Partition]:
        free = [lane for lane in lanes if lane.pauses and lane.pauses <= reasons]
        if free:
            self._consumer.resume([lane.at() for lane in free])
        for lane in lanes:
            lane.pauses -= reasons
        return frozenset(lane.partition for lane in free)

    def _pause(self, lanes: Sequence[Lane]) -> None:
        if lanes:
            self._consumer.pause([lane.at() for lane in lanes])
