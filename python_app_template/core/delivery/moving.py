"""What an operator may do to positions and to the published cursor, judged from rows and logs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.positions import Log, Position
from python_app_template.core.delivery.relaying import Cursor


class CannotMove(Exception):
    """It would be wrong, or is not what was meant. Says in one line what is the matter and what to do."""


class Wish(NamedTuple):
    """What is to become of a position; None: it stays as it is."""

    offset: int | None = None
    group: str | None = None
    accept_topic: bool = False
    """The topic was deleted and made again, and the position is to go on in the new one."""


@dataclass(frozen=True, slots=True)
class Move:
    """A position row before (None: there was none) and after; the epoch is raised by whoever carries it out."""

    partition: Partition
    before: Position | None
    group: str
    topic_id: str
    next_offset: int


class CursorMove(NamedTuple):
    """The published cursor before (None: none that could be read) and after."""

    before: Cursor | None
    after: Cursor


class Shelf(NamedTuple):
    """What is left in the outbox, by number."""

    first: int | None
    """Of the first row; None: it is empty."""
    whole_from: int
    """The smallest number after which no row is missing."""
    last: int
    """The last number given."""
    started: bool
    """A cursor was published."""


def why_halted(row: Position, log: Log, group: str) -> str:
    """Return the reason for which a worker of `group` would halt at this row, or ""."""
    if row.group != group:
        return "other_group"
    if row.topic_id != log.topic_id:
        return "topic_recreated"
    if row.next_offset < log.start:
        return "log_truncated"
    return "offset_out_of_range" if row.next_offset > log.end else ""


def plan(partition: Partition, row: Position | None, log: Log, wish: Wish, group: str) -> Move | None:
    """Return what is to be done for a wish; None: nothing. `group` is ours. Raises CannotMove."""
    name = f"{partition.topic}, partition {partition.number}"
    if wish.offset is not None and not log.start <= wish.offset <= log.end:
        raise CannotMove(f"{name}: offset {wish.offset} is outside the log; allowed: {log.start} to {log.end}")
    if row is None:
        if wish.offset is None:
            raise CannotMove(f"{name} has no position yet; --offset makes one")
        return Move(partition, None, wish.group or group, log.topic_id, wish.offset)
    _check_topic(name, row, log, wish)
    if row.group != group and wish.group is None:
        raise CannotMove(f"{name} belongs to group {row.group}, not to {group}; --group hands it over")
    next_offset = row.next_offset if wish.offset is None else wish.offset
    move = Move(partition, row, wish.group or row.group, log.topic_id, next_offset)
    same = (move.group, move.topic_id, move.next_offset) == (row.group, row.topic_id, row.next_offset)
    return None if same else move


def _check_topic(name: str, row: Position, log: Log, wish: Wish) -> None:
    """An offset of one topic means nothing in another."""
    if row.topic_id == log.topic_id:
        return
    made_anew = f"{name}: the topic was made anew (id {log.topic_id}, the position is of {row.topic_id})"
    if not wish.accept_topic:
        raise CannotMove(f"{made_anew}; --accept-topic with an --offset of the new one goes on there")
    if wish.offset is None:
        raise CannotMove(f"{made_anew}; say with --offset where to go on, for instance earliest")


def moving(before: Sequence[Position | None], after: Sequence[Position | None]) -> Sequence[Partition]:
    """Return the partitions whose rows are not where they were, or another's."""
    return [row.partition for was, row in zip(before, after, strict=True) if row and stands(row) != stands(was)]


def stands(row: Position | None) -> tuple[object, ...]:
    """Return of a row what tells whether it was moved or claimed."""
    return () if row is None else (row.group, row.topic_id, row.epoch, row.next_offset)


def check_number(number: int, shelf: Shelf) -> None:
    """Say whether the relay could go on after this number. Raises CannotMove: rows beyond it are missing."""
    if not shelf.whole_from <= number <= shelf.last:
        allowed = f"allowed: {shelf.whole_from} to {shelf.last}"
        raise CannotMove(f"--published {number}: the outbox does not have all that follows it; {allowed}")
