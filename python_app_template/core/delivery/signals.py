"""What happens to partitions, and what is to be done about it: signals in, orders out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.messages import Batch, Message, Partition
from python_app_template.core.delivery.positions import Log

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Assigned:
    """The group gave us these, under a number that no other assignment of this process has."""

    partitions: frozenset[Partition]
    assignment: int


@dataclass(frozen=True, slots=True)
class Revoked:
    """They are another's from now on, or nobody's."""

    partitions: frozenset[Partition]


@dataclass(frozen=True, slots=True)
class Fetched(Generic[C]):
    """Messages in the order of their offsets within each partition, and what was learned beside them.

    `ends`: partitions read to their end, and the offset of that end (transaction markers take offsets too).
    `resumed`: partitions whose fetching went on after a pause before this; what follows may have a false gap.
    """

    messages: Sequence[Message[C]]
    ends: Mapping[Partition, int] = field(default_factory=dict)
    resumed: frozenset[Partition] = frozenset()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The log has nothing at the offset asked for."""

    partition: Partition
    log: Log


@dataclass(frozen=True, slots=True)
class Identified:
    """The topic has this id now: another one than before, it was deleted and made again. None: it is gone."""

    topic: str
    topic_id: str | None


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing came for a while."""


Signal: TypeAlias = Assigned | Revoked | Fetched[C] | Unreadable | Identified | Quiet


@dataclass(frozen=True, slots=True)
class Claim:
    """Take the position row, if the partition is still assigned when this is carried out."""

    partition: Partition
    assignment: int


@dataclass(frozen=True, slots=True)
class Start:
    """Deliver from this offset on, if the assignment is still the one."""

    partition: Partition
    assignment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Deliver nothing more of it, and say why."""

    partition: Partition
    assignment: int
    why: Halted


@dataclass(frozen=True, slots=True)
class Look:
    """Read the position row of a partition that is halted or idle."""

    partition: Partition


@dataclass(frozen=True, slots=True)
class Release:
    """Be done with it, halted or not; under an epoch: note on the row that its owner left it in good order."""

    partition: Partition
    epoch: int | None


@dataclass(frozen=True, slots=True)
class Settle(Generic[C]):
    """See this batch through."""

    batch: Batch[C]
    suspect: bool = False
    """One message, of a partition on which processes have died: its try is to be written down first."""


Order: TypeAlias = Claim | Start | Stop | Look | Release | Settle[C]
