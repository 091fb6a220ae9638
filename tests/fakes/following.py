"""A log in memory that somebody follows: two partitions, and markers that take offsets, as transactions leave them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.following import Bounds, Place
from python_app_template.core.domain.events import Event
from python_app_template.core.ports.following import Followed, Stretch


@dataclass
class FakeLog:
    """What was published; None is a marker. A SKU's events are in one partition."""

    topic_id: str = "topic-id"
    partitions: dict[int, list[Event | None]] = field(default_factory=lambda: {0: [], 1: []})
    starts: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})

    def publish(self, events: Sequence[Event]) -> None:
        """Publish these in one transaction."""
        numbers = {self.number_of(event.sku) for event in events}
        for event in events:
            self.partitions[self.number_of(event.sku)].append(event)
        for number in numbers:
            self.partitions[number].append(None)

    def number_of(self, sku: str) -> int:
        return sum(sku.encode()) % len(self.partitions)

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.topic_id, dict(self.starts), {n: len(log) for n, log in self.partitions.items()})


class FakeFollowed(Followed[Event]):
    """Reads a few records at a time. `started` has the places from which it was to go on."""

    def __init__(self, log: FakeLog, limit: int = 3) -> None:
        self._log, self._limit = log, limit
        self._at: dict[int, int] = {}
        self.started: list[Place] = []
        self.faults: list[TransientError] = []

    async def look(self) -> Bounds:
        return self._log.bounds

    async def start(self, place: Place) -> None:
        self.started.append(place)
        self._at = dict(place.offsets)

    async def read(self) -> Stretch[Event]:
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop(0)
        events: list[Event] = []
        offsets: dict[int, int] = {}
        for number, at in self._at.items():
            records = self._log.partitions[number][at : at + self._limit]
            events += [record for record in records if record is not None]
            if records:
                offsets[number] = self._at[number] = at + len(records)
        return Stretch(events, offsets)
