"""A topic's events told to whoever listens for a key: one reader for all of them, which rests while nobody listens."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Final, Generic, NamedTuple, TypeVar

import structlog

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.following import Place, unfollowable
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.following import Followed
from python_app_template.core.use_cases.backoff import Backoff

E = TypeVar("E")

LOOK_SECONDS: Final = 5.0
"""Between two looks at whether the topic still is the one that is read."""
LINGER_SECONDS: Final = 30.0
"""For which it is read on when nobody listens any more: most come back."""
NOWHERE: Final = Place("", {})

log = structlog.get_logger(__name__)


class Numbered(NamedTuple, Generic[E]):
    """An event of a key; the numbers of a key's events have no gap. 0: it is not counted among them."""

    key: str
    number: int
    event: E


class Ended(Exception):
    """Nothing more comes; the text is a line for whoever listened, `reason` a word for metrics."""

    reason: str


class TooSlow(Ended):
    """More events wait than are kept."""

    reason = "too_slow"


class Missed(Ended):
    """Events were lost, or nobody can tell whether they were."""

    reason = "missed"


class Listener(Generic[E]):
    """Hears the events of one key, each once and in order, until it ends: an iterator."""

    def __init__(self, key: str, most: int, end: Callable[[Ended], None], leave: Callable[[], None]) -> None:
        self.key, self._most, self._end, self._leave = key, most, end, leave
        self._waiting: deque[E] = deque()
        self._heard = asyncio.Event()
        self._last = 0
        self._ended: Ended | None = None

    def __aiter__(self) -> "Listener[E]":
        return self

    async def __anext__(self) -> E:
        while not self._waiting and self._ended is None:
            self._heard.clear()
            await self._heard.wait()
        if self._ended is not None:
            raise self._ended
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """Listen no more."""
        self._leave()

    def hear(self, one: Numbered[E]) -> None:
        """Take it in, unless it was heard before."""
        if self._ended is not None or 0 < one.number <= self._last:
            return
        if one.number and self._last and one.number != self._last + 1:
            self.end(Missed(f"events {self._last + 1} to {one.number - 1} of {self.key!r} were missed"))
        elif len(self._waiting) >= self._most:
            self.end(TooSlow(f"more than {self._most} events of {self.key!r} wait"))
        else:
            self._last = one.number or self._last
            self._waiting.append(one.event)
            self._heard.set()

    def end(self, why: Ended) -> None:
        """Let nothing more be heard."""
        if self._ended is None:
            self._ended = why
            self._waiting.clear()
            self._heard.set()
            self._leave()
            self._end(why)


class Broadcast(Generic[E]):
    """One reader of a topic, and those who listen.

    - It is read from its end on, committed records alone. What was heard up to, is known: after an outage it goes on
      from there, and where it can't, whoever listens is told that events were missed.
    - Nobody's slowness holds up anybody: who has more than `most` events waiting is ended.
    - `saw` is told of each listener that is ended, and why.
    """

    def __init__(
        self, source: Followed[Numbered[E]], clock: Clock, pause: Backoff, most: int, saw: Callable[[Ended], None]
    ) -> None:
        self._source, self._clock, self._pause, self._most, self._saw = source, clock, pause, most, saw
        self._listeners: defaultdict[str, dict[Listener[E], None]] = defaultdict(dict)
        self._place: Place | None = None
        self._users = 0
        self._unused_since = 0.0
        self._used, self._live = asyncio.Event(), asyncio.Event()
        self._awaited: Mapping[int, int] = {}
        """Where the log ended when reading began: whoever comes before that was heard waits."""

    @property
    def listening(self) -> int:
        """How many listen."""
        return sum(map(len, self._listeners.values()))

    @asynccontextmanager
    async def in_use(self, seconds: float) -> AsyncIterator[None]:
        """Read the topic for as long as the block lasts; entered once all that comes from now on will be heard.

        Raises TimeoutError: that took longer.
        """
        self._users += 1
        self._used.set()
        try:
            async with asyncio.timeout(seconds):
                await self._live.wait()
            yield
        finally:
            self._users -= 1
            self._unused_since = self._clock.monotonic()

    def listen(self, key: str, end: Callable[[Ended], None]) -> Listener[E]:
        """Hear the events of a key from now on. `end` is called, once, if that ends before the listener leaves."""

        def leave() -> None:
            self._listeners[key].pop(listener, None)
            if not self._listeners[key]:
                del self._listeners[key]

        def ended(why: Ended) -> None:
            self._saw(why)
            end(why)

        listener = Listener[E](key, self._most, ended, leave)
        self._listeners[key][listener] = None
        return listener

    async def run(self) -> None:
        """Read, while anybody wants it to be read; until cancelled."""
        tries = 0
        while True:
            await self._used.wait()
            try:
                await self._begin()
                tries = 0
                await self._go_on()
            except TransientError as fault:
                self._live.clear()
                tries += 1
                if tries == 1:
                    log.warning("dependency.away", operation="listen", error=f"{fault}", code=fault.code)
                await self._pause(tries)

    async def _begin(self) -> None:
        bounds = await self._source.look()
        if self._place is not None and (why := unfollowable(self._place, bounds)):
            log.warning("listeners.missed", reason=why, listeners=self.listening)
            self._place = None
            self._end_all(Missed(f"events may have been missed: {why}"))
        self._place, self._awaited = self._place or bounds.end, bounds.ends
        await self._source.start(self._place)
        self._note(self._place)

    async def _go_on(self) -> None:
        looked, place = self._clock.monotonic(), self._place or NOWHERE
        while not self._is_unused():
            stretch = await self._source.read()
            self._tell(stretch.events)
            place = place.moved(stretch.offsets)
            self._note(place)
            if self._clock.monotonic() - looked >= LOOK_SECONDS:
                looked, bounds = self._clock.monotonic(), await self._source.look()
                if why := unfollowable(place, bounds):
                    raise TransientError(f"the topic is another one: {why}", code=why)
        self._used.clear()
        self._live.clear()
        self._place = None
        await self._source.start(NOWHERE)

    def _note(self, place: Place) -> None:
        self._place = place
        if place.reaches(self._awaited):
            self._live.set()

    def _is_unused(self) -> bool:
        return not self._users and self._clock.monotonic() - self._unused_since >= LINGER_SECONDS

    def _tell(self, events: Collection[Numbered[E]]) -> None:
        for one in events:
            if one.key in self._listeners:
                for listener in list(self._listeners[one.key]):
                    listener.hear(one)

    def _end_all(self, why: Ended) -> None:
        for listeners in list(self._listeners.values()):
            for listener in list(listeners):
                listener.end(why)
