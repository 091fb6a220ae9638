"""A topic of one partition in memory, for those who listen."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.following import Bounds, Place
from python_app_template.core.ports.following import Followed, Stretch

E = TypeVar("E")


@dataclass
class FakeTopic(Followed[E], Generic[E]):
    """`faults` are met by the next reads. `published` wakes whoever reads."""

    events: list[E] = field(default_factory=list)
    topic_id: str = "topic-id"
    start_offset: int = 0
    faults: list[TransientError] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    """From where it was to be read."""
    _at: int | None = None
    _published: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, *events: E) -> None:
        self.events += events
        self._published.set()

    def fail(self, code: str = "AWAY") -> None:
        self.faults.append(TransientError("away", code=code))
        self._published.set()

    async def look(self) -> Bounds:
        return Bounds(self.topic_id, {0: self.start_offset}, {0: len(self.events)})

    async def start(self, place: Place) -> None:
        self.places.append(place)
        self._at = place.offsets.get(0)

    async def read(self) -> Stretch[E]:
        if self.faults:
            raise self.faults.pop(0)
        if self._at is None or self._at >= len(self.events):
            self._published.clear()
            await self._published.wait()
            return Stretch()
        found: Sequence[E] = self.events[self._at :]
        self._at += len(found)
        return Stretch(found, {0: self._at})
