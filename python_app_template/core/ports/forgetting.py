"""What may be forgotten, piece by piece, each piece a transaction of its own."""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol


class Piece(NamedTuple):
    """What came of looking at a part of what there is."""

    forgotten: Mapping[str, int]
    """How many of each kind; the same kinds in every piece."""
    looked_at: int
    after: str | None
    """Where the next piece begins; None: this was the last."""


FIRST = ""
"""Where the first piece begins."""


class Forgetting(Protocol):
    """All raise TransientError and FatalError."""

    @abstractmethod
    async def begin(self, before: datetime) -> int:
        """Write down that a run begins, and return its number. Nothing younger than the database's clock may go."""
        ...

    @abstractmethod
    async def forget(self, run: int | None, before: datetime, after: str) -> Piece:
        """Forget what is done with and older than `before`, of the piece that begins behind `after`; add it to the run.

        Without a run it is only counted. What somebody is working on is left for another time. Whoever claims an id
        that is being forgotten waits, and then finds it gone.
        """
        ...

    @abstractmethod
    async def finish(self, run: int) -> None:
        """Write down that the run came to its end."""
        ...
