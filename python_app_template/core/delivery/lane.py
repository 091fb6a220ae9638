"""What is known of one assigned partition, and of a gap in it."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple


class State(Enum):
    """What a lane is doing."""

    CLAIMING = auto()
    RUNNING = auto()
    HALTED = auto()


class Gap(NamedTuple):
    """Nothing lies between what is expected and `until`: there a message stands, or (`at_end`) the log ends."""

    until: int
    at_end: bool = False

    def confirms(self, sought: "Gap | None") -> bool:
        """Whether the same was found again. A log may have grown; a message that was seen does not go away."""
        if sought is None or self.until < sought.until:
            return False
        return sought.at_end if self.at_end else self.until == sought.until


@dataclass(slots=True)
class Lane:
    """One assigned partition."""

    assignment: int
    state: State = State.CLAIMING
    due: float = 0.0
    """When to claim (CLAIMING) or to look at the row (else) next, in monotonic seconds; a commit is a look, too."""
    failed_claims: int = 0
    """Claims that failed or were lost again, since something was last committed."""
    owned: bool = False
    """Its row is ours under `epoch`, as far as we know."""
    epoch: int = 0
    topic_id: str = ""
    expected: int = 0
    """The row's `next_offset` once everything settled so far is committed."""
    fresh: bool = True
    """Nothing was taken since a start or a pause: a gap here may be a false one."""
    sought: Gap | None = None
    """A doubtful gap, which was sought: if it is there again, it is real."""
    started_at: float = 0.0
    end: int = 0
    """The log was read up to here; the row moves there with the next batch, or when it is quiet."""
    suspect_end: int = 0
    gone: bool = False  # halted because its topic is not there
