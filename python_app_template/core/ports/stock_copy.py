"""A copy of stock, for reading alone: it can be lost and made again at any time, the tables are the truth. Yours."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.following import Place
from python_app_template.core.domain.projection import Change
from python_app_template.core.domain.views import StockView


class NotCurrent(TransientError):
    """The copy can not be read from now. `code` says why: `unready`, `behind`, or `torn` (parts of it are missing)."""


class Displaced(TransientError):
    """The copy is not where its writer left it: another writes now, or it was lost, set back or made anew. Claim again.

    Nothing of what was asked for was done.
    """


@dataclass(frozen=True, slots=True)
class Standing:
    """What is read from now, and how far it followed the log. None: nothing is ready."""

    generation: str | None = None
    place: Place | None = None


class StockCopy(Protocol):
    """The copy as it is written. A generation is a whole copy; one of them is read from.

    Each call is atomic, and does nothing at all when it raises. Everything raises TransientError while the copy's place
    is away; then a call may have taken effect, and what stands there tells.
    """

    @abstractmethod
    async def claim(self) -> Standing | None:
        """Become the one that moves what is read from, until that is not renewed for a while. None: another one is."""
        ...

    @abstractmethod
    async def release(self) -> None:
        """Let another one claim at once; nothing happens if it is not this one's."""
        ...

    @abstractmethod
    async def begin(self, place: Place) -> str:
        """Begin an empty generation that stands at this place; its name. One that nobody goes on with is swept."""
        ...

    @abstractmethod
    async def move(
        self, generation: str, place: Place, offsets: Mapping[int, int], changes: Iterable[Change], age: float
    ) -> Mapping[str, int]:
        """Apply changes and move from a place to these offsets, both or nothing.

        Returns the versions of those SKUs that are not at their change's base: nothing was done then.
        `age`: for how many seconds it may have been behind all that is committed; less than 0: it is not known.
        Raises Displaced: the generation does not stand at that place, or another one moves what is read from.
        """
        ...

    @abstractmethod
    async def swap(self, generation: str) -> bool:
        """Have this generation read from. False: it is behind the one that is. Raises Displaced: it was swept."""
        ...

    @abstractmethod
    async def sweep(self) -> None:
        """Forget what nobody reads from or builds any more."""
        ...


class StockSnapshot(Protocol):
    """All stock as of one moment."""

    @abstractmethod
    def pages(self) -> AsyncIterator[Sequence[StockView]]:
        """Yield it page by page; the moment is later than the call. Raises TransientError."""
        ...
