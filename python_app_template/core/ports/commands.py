"""Sending messages for others, and what the tables know of them afterwards."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from python_app_template.core.delivery.commands import Place, Trace
from python_app_template.core.delivery.messages import Headers


class Outgoing(NamedTuple):
    """A message for the input topic; what shares a key keeps its order."""

    key: bytes
    value: bytes
    headers: Headers = ()


class MessageLog(Protocol):
    """The input topic, as a producer sees it."""

    @abstractmethod
    async def append(self, message: Outgoing) -> Place:
        """Return where it lies, once all replicas have it.

        Raises TransientError, a few seconds later at most: it may or may not lie there, but will not do so any later.
        """
        ...


class CommandLog(Protocol):
    """How far the input topic's partitions are consumed, and what became of a place. Raises TransientError."""

    @abstractmethod
    async def consumed(self) -> Mapping[int, int]:
        """The first offset not yet consumed, of each partition that has a row. Cheap: asked many times a second."""
        ...

    @abstractmethod
    async def traces(self, places: Collection[Place]) -> Mapping[Place, Trace]:
        """All that is known of these places, as of one moment, in one query."""
        ...
