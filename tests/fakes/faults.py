"""What is to go wrong, and at which call: plain data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeVar

from python_app_template.core.delivery.faults import CommitInDoubt, SlowError, TransientError

T = TypeVar("T")


class Fault(Enum):
    """What happens to one call."""

    TRANSIENT = auto()
    """Nothing was done, and the caller knows that it may ask again."""
    SLOW = auto()
    """Nothing was done: a timeout, or a connection that ended in the middle."""
    REFUSED = auto()
    """Nothing was done, and the caller can't tell (a commit is in doubt)."""
    LOST = auto()
    """It was done, and the answer was lost (a commit is in doubt)."""
    DEATH = auto()
    """The process ends before it is done."""
    DEATH_AFTER = auto()
    """The process ends when it is done."""


@dataclass
class Faults:
    """The nth call from now on (counted from 1) meets with its fault; each is used once."""

    script: dict[int, Fault] = field(default_factory=dict)
    calls: int = 0

    def meet(self, effect: Callable[[], T], *, commit: bool = False) -> T:
        """Do `effect`, or not, or do it and lose the answer."""
        self.calls += 1
        fault = self.script.pop(self.calls, None)
        doubt = CommitInDoubt if commit else TransientError
        match fault:
            case Fault.TRANSIENT:
                raise TransientError("away", code="08006")
            case Fault.SLOW:
                raise SlowError("canceling statement due to statement timeout", code="57014")
            case Fault.REFUSED:
                raise doubt("the connection was lost")
            case Fault.DEATH:
                raise SystemExit("killed")
        result = effect()
        match fault:
            case Fault.LOST:
                raise doubt("the answer was lost")
            case Fault.DEATH_AFTER:
                raise SystemExit("killed")
        return result
