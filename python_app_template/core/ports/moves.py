"""What operators move: position rows, the ids of topics, the published cursor. Each move is kept with its reason."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.moving import Move, Shelf
from python_app_template.core.delivery.positions import Log, Position
from python_app_template.core.delivery.relaying import Cursor


class Waiting(NamedTuple):
    """What is committed and not published; `seconds` is the age of its oldest row."""

    rows: int
    bytes: int
    seconds: float


class Moves(Protocol):
    """Each call is a transaction of its own. All raise TransientError and FatalError."""

    @abstractmethod
    async def rows(self) -> Sequence[Position]:
        """All position rows, by topic and partition, as they are committed."""
        ...

    @abstractmethod
    async def make(self, moves: Sequence[Move], reason: str, *, force: bool = False) -> Sequence[Move]:
        """Move these rows and raise their epochs, all or none, waiting for open transactions; return them as made.

        From the return on, no transaction under an older epoch can commit. Raises CannotMove when a row is no longer
        as its move saw it; under force it is moved from wherever it is.
        """
        ...

    @abstractmethod
    async def topics(self) -> Mapping[str, str]:
        """The ids that the topics written to had when they were first seen, or accepted."""
        ...

    @abstractmethod
    async def accept(self, topic: str, topic_id: str, reason: str) -> str | None:
        """Take this for the topic's id from now on; return the one before. None: it was never seen, nothing changes."""
        ...

    @abstractmethod
    async def shelf(self) -> Shelf:
        """What the outbox holds."""
        ...

    @abstractmethod
    async def waiting(self, number: int) -> Waiting:
        """What the outbox holds beyond this number."""
        ...

    @abstractmethod
    async def bear_witness(self, number: int, published: Cursor | None, topic: str, reason: str) -> Cursor:
        """Return the cursor that says: published up to this number; keep the move from `published`, in `topic`.

        Kept with it are the rows between the two, which it skips or has published again; all that are left, if nobody
        knows what was published. What is no move is not kept. Where the outbox has no such row any more it gets an
        empty one. From then on it is known for good that a cursor exists. Raises CannotMove when a row beyond it is
        missing.
        """
        ...


class Logs(Protocol):
    """The broker's topics. All raise TransientError."""

    @abstractmethod
    async def partitions(self, topic: str) -> Sequence[Partition]:
        """A topic's partitions; none: there is no such topic."""
        ...

    @abstractmethod
    async def topic_id(self, topic: str) -> str | None:
        """The topic's id; None: there is no such topic."""
        ...

    @abstractmethod
    async def log(self, partition: Partition) -> Log:
        """The topic's id and the log's bounds."""
        ...

    @abstractmethod
    async def offset_at(self, partition: Partition, at: datetime) -> int:
        """The offset of the first message that is not older than this; the log's end when there is none."""
        ...
