"""Events in, shortages kept. Yours.

- Each line that is out of stock is kept once: where it was read and what was kept move in one transaction.
- The first time it begins at the log's end, which is written down before anything is read, and before anybody is told
  that this process is ready. A partition that is added later is read from its start.
- A log that is another one, or begins or ends elsewhere than was left, is read from the nearest offset there is, and
  what that means is reported.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from python_app_template.core.delivery.following import Bounds, Place
from python_app_template.core.domain.shortages import Shortage
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.digests import Digests
from python_app_template.core.ports.following import Followed, Stretch

RECOGNISE_EVERY = 5.0
"""Seconds between two looks whether the topic is the same and has as many partitions."""

KEEP_EVERY = 10.0
"""Seconds within which the place moves though nothing came: retention may leave nothing but transaction markers."""


class Astray(NamedTuple):
    """A log that is not where it was left: what was not read of it may be gone."""

    partition: int
    expected: str
    found: str
    next_offset: int
    """Where reading goes on."""


def resume(kept: Place, bounds: Bounds) -> tuple[Place, list[Astray]]:
    """Return where to read on, and what is not as it was left."""
    if kept.topic_id != bounds.topic_id:
        expected, found = f"topic id {kept.topic_id}", f"topic id {bounds.topic_id}"
        astray = [Astray(partition, expected, found, start) for partition, start in bounds.starts.items()]
        return Place(bounds.topic_id, bounds.starts), astray
    astray, offsets = [], {}
    for partition, start in bounds.starts.items():
        end = bounds.ends[partition]
        expected_offset = kept.offsets.get(partition, start)
        offsets[partition] = min(max(expected_offset, start), end)
        if offsets[partition] != expected_offset:
            found = f"offsets {start} to {end}"
            astray.append(Astray(partition, f"offset {expected_offset}", found, offsets[partition]))
    return Place(bounds.topic_id, offsets), astray


class CollectShortages:
    """Reads on for as long as it is told to."""

    def __init__(
        self, events: Followed[Shortage], digests: Digests, clock: Clock, report: Callable[[Astray], None]
    ) -> None:
        self._events, self._digests, self._clock, self._report = events, digests, clock, report
        self._next: dict[int, int] = {}
        self._kept: dict[int, int] = {}
        self._kept_at = 0.0

    async def begin(self) -> Place:
        """Return how far the log was read; the first time its end, which is written down. Raises TransientError."""
        while (place := await self._digests.place()) is None:
            bounds = await self._events.look()
            await self._digests.begin(Place(bounds.topic_id, bounds.ends))
        return place

    async def __call__(self, goes_on: Callable[[], Awaitable[bool]]) -> None:
        """Collect while it goes on, and the topic stays as it is. Raises TransientError."""
        bounds = await self._events.look()
        await self._start(bounds)
        recognised_at = self._clock.monotonic()
        while await goes_on():
            await self._collect(await self._events.read())
            if self._clock.monotonic() - recognised_at >= RECOGNISE_EVERY:
                recognised_at, now = self._clock.monotonic(), await self._events.look()
                if now.topic_id != bounds.topic_id or now.starts.keys() != bounds.starts.keys():
                    return

    async def _start(self, bounds: Bounds) -> None:
        kept = await self.begin()
        place, astray = resume(kept, bounds)
        for one in astray:
            self._report(one)
        if place != kept:
            await self._digests.put(place)
        self._next, self._kept = dict(place.offsets), dict(place.offsets)
        self._kept_at = self._clock.monotonic()
        await self._events.start(place)

    async def _collect(self, read: Stretch[Shortage]) -> None:
        self._next |= read.offsets
        if not read.events and self._clock.monotonic() - self._kept_at < KEEP_EVERY:
            return  # no line: how far it was is written down with the next one, or now and then
        moved = {partition: end for partition, end in self._next.items() if end != self._kept[partition]}
        if moved:
            starts = {partition: self._kept[partition] for partition in moved}
            await self._digests.collect(starts, Stretch(read.events, moved))
        self._kept, self._kept_at = dict(self._next), self._clock.monotonic()
