"""A topic of events that somebody follows to keep a copy; how far, is kept with the copy."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from python_app_template.core.delivery.following import Bounds, Place

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Stretch(Generic[E]):
    """Events in the order of each partition, and the offsets behind them, of those partitions that moved.

    An offset may move without an event: transaction markers take offsets too.
    """

    events: Sequence[E] = ()
    offsets: Mapping[int, int] = field(default_factory=dict)


class Followed(Protocol[E]):
    """Committed events alone, by no group. All raises TransientError while the broker is away."""

    @abstractmethod
    async def look(self) -> Bounds:
        """Ask the broker."""
        ...

    @abstractmethod
    async def start(self, place: Place) -> None:
        """Follow from here on; what was fetched before is dropped."""
        ...

    @abstractmethod
    async def read(self) -> Stretch[E]:
        """What is there, up to a limit of the adapter's; waits for a moment (0.2 s) when nothing is.

        A place that the log does not have raises TransientError too.
        """
        ...
