"""Return dead letters to the input topic, each once, however often this is interrupted and repeated."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeAlias

from python_app_template.core.delivery.returning import Fate, Letter, Place, Selection, judge
from python_app_template.core.ports.dead_letters import DeadLetters, OpenReturns, Oversized

Told: TypeAlias = Callable[[Letter, Fate], None]
PutBack: TypeAlias = Callable[[Sequence[Letter]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where it stops, and how much goes back in one transaction."""

    topic: str
    """The input topic; letters from elsewhere stay."""
    attempts: int = 3
    """A letter that has been returned so often stays: what fails each time would go round for ever."""
    most: int | None = None
    """Letters to return at the most."""
    chunk: int = 500
    """Letters of a transaction."""
    chunk_bytes: int = 8 * 2**20
    """Bytes of a transaction, if it is more than one letter."""


class ReplayDeadLetters:
    """A chunk is one transaction, of the messages and of the marks that say so.

    The marks are read once older replays are fenced. So whatever was committed is seen, and nothing else ever will be.
    `told` hears of each letter that is meant, those sent once they are committed.
    """

    def __init__(
        self, letters: DeadLetters, open_returns: OpenReturns, oversized: Oversized, bounds: Bounds, told: Told
    ) -> None:
        self._letters, self._open_returns, self._oversized = letters, open_returns, oversized
        self._bounds, self._told = bounds, told

    async def __call__(self, wanted: Selection) -> None:
        """Return them. Raises TransientError: repeating it goes on where it stopped."""
        async with self._open_returns() as returns:
            await self._go_through(wanted, await returns.returned(), self._bounds, returns.put_back)

    async def rehearse(self, wanted: Selection) -> None:
        """Tell what would become of them, and do nothing; disturbs no replay that runs. Raises TransientError."""
        one_by_one = replace(self._bounds, chunk=1)  # so they are told of in their order
        await self._go_through(wanted, await self._letters.returned(), one_by_one, _nowhere)

    async def _go_through(
        self, wanted: Selection, returned: Collection[Place], bounds: Bounds, put_back: PutBack
    ) -> None:
        chunk = _Chunk(bounds, put_back, self._told)
        await self._fill(chunk, wanted, returned)
        await chunk.send()

    async def _fill(self, chunk: "_Chunk", wanted: Selection, returned: Collection[Place]) -> None:
        async with aclosing(self._letters.letters()) as pages:
            async for page in pages:
                for letter in filter(wanted.takes, page):
                    if chunk.taken == self._bounds.most:
                        return
                    await self._decide(letter, returned, chunk)

    async def _decide(self, letter: Letter, returned: Collection[Place], chunk: "_Chunk") -> None:
        fate, whole = judge(letter, returned, self._bounds.topic, self._bounds.attempts), letter
        if fate is Fate.SENT and letter.truncated is not None:
            value = await self._oversized.value(letter)
            fate, whole = (Fate.BYTES_LOST, letter) if value is None else (fate, letter.with_value(value))
        if fate is Fate.SENT:
            await chunk.add(whole)
        else:
            self._told(letter, fate)


class _Chunk:
    """Letters that go back together."""

    def __init__(self, bounds: Bounds, put_back: PutBack, told: Told) -> None:
        self._bounds, self._put_back, self._told = bounds, put_back, told
        self._letters: list[Letter] = []
        self._bytes = 0
        self.taken = 0

    async def add(self, letter: Letter) -> None:
        """Take it; what is there goes first where there is no room, and all of it once that is enough."""
        if self._bytes + letter.size > self._bounds.chunk_bytes:
            await self.send()
        self._letters.append(letter)
        self._bytes += letter.size
        self.taken += 1
        if len(self._letters) >= self._bounds.chunk:
            await self.send()

    async def send(self) -> None:
        """Return what is there."""
        if self._letters:
            await self._put_back(self._letters)
        for letter in self._letters:
            self._told(letter, Fate.SENT)
        self._letters, self._bytes = [], 0


async def _nowhere(_letters: Sequence[Letter]) -> None:
    return None
