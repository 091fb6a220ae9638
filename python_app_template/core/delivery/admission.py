"""Which messages of a fetch are taken, and what is to be done about gaps, ends and old ones. Sans IO."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from python_app_template.core.delivery.lane import Gap, Lane, State
from python_app_template.core.delivery.messages import Batch, Message, Partition, Span
from python_app_template.core.delivery.signals import Fetched, Order, Settle, Start

C = TypeVar("C")

START_EVERY = 1.0
"""Seconds between two starts of a partition that goes on delivering old messages."""


class Admission(Generic[C]):
    """The rules of reading on. The lanes are those of `Partitions`, which owns them; `now` is in monotonic seconds."""

    def __init__(self, lanes: Mapping[Partition, Lane]) -> None:
        self._lanes = lanes

    def admit(self, fetched: Fetched[C], now: float) -> list[Order[C]]:
        """Drop what is not expected; one new start for a gap, and only a gap that stays is real."""
        for p in fetched.resumed & self._lanes.keys():
            self._lanes[p].fresh = True
        alone: list[Order[C]] = []
        taken: list[Message[C]] = []
        starts: dict[Partition, int] = {}
        gaps: dict[Partition, Gap] = {}
        old: set[Partition] = set()
        for message in fetched.messages:
            partition, offset = message.record.partition, message.record.offset
            lane = self._lanes.get(partition)
            if lane is None or lane.state is not State.RUNNING or partition in gaps:
                continue
            if offset < lane.expected:
                old.add(partition)
                continue
            old.discard(partition)
            if lane.fresh and self._is_doubtful(lane, gap := Gap(offset)):
                gaps[partition] = gap
                continue
            start, lane.expected = lane.expected, offset + 1
            lane.fresh, lane.sought = False, None
            if start < lane.suspect_end:
                span = Span(partition, lane.epoch, start, lane.expected)
                alone.append(Settle(Batch([message], [span]), suspect=True))
                continue
            starts.setdefault(partition, start)
            taken.append(message)
        self._reach_ends(fetched.ends, gaps)
        settles = self.settle(taken, starts) if taken else []
        return [*alone, *settles, *self._seek(gaps, now), *self._go_on(old - gaps.keys(), now)]

    def settle(self, taken: Sequence[Message[C]], starts: dict[Partition, int]) -> list[Order[C]]:
        """Make a batch of what was taken; rows that stand below their log's end move along, without a message."""
        for partition, lane in self._lanes.items():
            if lane.state is State.RUNNING and lane.end > lane.expected:
                starts.setdefault(partition, lane.expected)
                lane.expected = lane.end
        spans = [Span(p, self._lanes[p].epoch, start, self._lanes[p].expected) for p, start in starts.items()]
        return [Settle(Batch(taken, spans))] if spans else []

    def start(self, partition: Partition, now: float) -> Order[C]:
        """Deliver from where it stands; what comes first is doubted."""
        lane = self._lanes[partition]
        lane.fresh, lane.sought, lane.started_at = True, None, now
        return Start(partition, lane.assignment, lane.expected)

    def _is_doubtful(self, lane: Lane, gap: Gap) -> bool:
        """Whether a gap at the beginning has to be sought before it is believed."""
        return gap.until > lane.expected and not gap.confirms(lane.sought)

    def _reach_ends(self, ends: Mapping[Partition, int], gaps: dict[Partition, Gap]) -> None:
        """Note what no message follows: markers of transactions, aborted records, what retention took."""
        for partition, end in ends.items():
            lane = self._lanes.get(partition)
            if lane is None or lane.state is not State.RUNNING or partition in gaps or end <= lane.expected:
                continue
            if lane.fresh and self._is_doubtful(lane, gap := Gap(end, at_end=True)):
                gaps[partition] = gap
                continue
            lane.end, lane.fresh, lane.sought = end, False, None

    def _seek(self, gaps: Mapping[Partition, Gap], now: float) -> list[Order[C]]:
        orders = []
        for partition, gap in gaps.items():
            orders.append(self.start(partition, now))
            self._lanes[partition].sought = gap
        return orders

    def _go_on(self, old: Iterable[Partition], now: float) -> list[Order[C]]:
        """Where only old messages keep coming, a second after the start, it did not take: start again."""
        return [self.start(p, now) for p in sorted(old) if now - self._lanes[p].started_at >= START_EVERY]
