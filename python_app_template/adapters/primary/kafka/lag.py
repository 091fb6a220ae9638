"""How far a partition was read and consumed, and what that leaves: messages, and the age of the oldest."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from python_app_template.core.delivery.messages import Message


class Lag(NamedTuple):
    """What is not yet consumed: messages (transaction markers among them), and seconds since the oldest was made."""

    messages: int
    seconds: float


@dataclass(slots=True)
class Progress:
    """Offsets of one assigned partition. Each is the next one: that after the last of its kind."""

    settled: int | None = None
    read: int = 0
    end: int = 0
    """Where the log ends, as far as the broker last said."""
    at_end: bool = False
    """Nothing came after the end was reached."""
    in_hand: deque[tuple[int, int]] = field(default_factory=deque)
    """Of each batch that is handed over and not settled: its end, and its oldest timestamp in milliseconds."""
    behind_since: float | None = None
    """When it was first seen that messages wait of which none is in hand, so that their age is not known."""

    def started(self, offset: int) -> None:
        """Everything before is settled, nothing is in hand."""
        self.settled = self.read = offset
        self.at_end = False
        self.in_hand.clear()

    def handed_over(self, messages: Sequence[Message[Any]]) -> None:
        """Take in a batch's messages of this partition, in order; nobody settles again what is settled."""
        end = messages[-1].record.offset + 1
        if end <= (self.settled or 0):
            return
        self.read = max(self.read, end)
        self.in_hand.append((end, messages[0].record.timestamp))
        self.at_end = False

    def reached_end(self, offset: int) -> None:
        """Nothing is there up to here but what was handed over."""
        if offset >= self.read:
            self.read, self.end, self.at_end = offset, max(self.end, offset), True

    def settle(self, end: int) -> None:
        """Take in what is consumed."""
        self.settled = end
        while self.in_hand and self.in_hand[0][0] <= end:
            self.in_hand.popleft()

    def lag(self, now: float) -> Lag | None:
        """Return what is left at this time (seconds since 1970); None before the first start: nobody knows."""
        if self.settled is None:
            return None
        if in_hand := list(self.in_hand):  # a copy: the poll thread takes away
            oldest = in_hand[0][1] / 1000
            return Lag(max(self.end, self.read) - self.settled, max(now - oldest, 0.0))
        if self.end <= (self.read if self.at_end else self.settled):
            self.behind_since = None
            return Lag(0, 0.0)
        self.behind_since = self.behind_since or now
        return Lag(self.end - self.settled, now - self.behind_since)
