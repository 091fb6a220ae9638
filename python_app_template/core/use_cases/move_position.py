"""Move positions, or hand them to another group: an operator's decision, written down with its reason."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.moving import CannotMove, Move, Wish, moving, plan
from python_app_template.core.delivery.positions import Position
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.moves import Logs, Moves

WATCH_SECONDS = 1.5
"""For so long a row has to stand still to be moved without force."""

Place: TypeAlias = int | Literal["earliest", "latest"] | datetime
"""Where in a log: an offset, one of its ends, or the first message that is not older than an instant."""


class Target(NamedTuple):
    """Where positions are to go; None: they stay."""

    place: Place | None = None
    group: str | None = None
    accept_topic: bool = False


class MovePosition:
    """All of the partitions asked for, or none.

    - Whoever had one loses it: its next batch does not commit, and it claims the row again.
    - One that is being consumed is moved only by force.
    - An offset has to be within the log; a topic that was made anew has to be accepted, with an offset in it.
    - A row of another group is not moved unless it is handed over.
    """

    def __init__(self, moves: Moves, logs: Logs, clock: Clock, group: str) -> None:
        self._moves, self._logs, self._clock, self._group = moves, logs, clock, group

    async def __call__(
        self, topic: str, numbers: Sequence[int] | None, target: Target, reason: str, *, force: bool = False
    ) -> Sequence[Move]:
        """Move these partitions (None: all) and return what changed. Raises CannotMove, TransientError."""
        partitions = await self._partitions(topic, numbers)
        rows = await self._rows(partitions)
        moves = [
            move
            for partition, row in zip(partitions, rows, strict=True)
            if (move := await self._plan(partition, row, target)) is not None
        ]
        if moves and not force:
            await self._watch(partitions, rows)
        return await self._moves.make(moves, reason, force=force) if moves else ()

    async def _partitions(self, topic: str, numbers: Sequence[int] | None) -> Sequence[Partition]:
        found = await self._logs.partitions(topic)
        if not found:
            raise CannotMove(f"there is no topic {topic}; `python-app-template topics` shows what there is")
        if numbers is None:
            return found
        if unknown := sorted({*numbers} - {p.number for p in found}):
            raise CannotMove(f"{topic} has no partition {unknown[0]}; allowed: 0 to {len(found) - 1}")
        return [p for p in found if p.number in numbers]

    async def _rows(self, partitions: Sequence[Partition]) -> Sequence[Position | None]:
        found = {row.partition: row for row in await self._moves.rows()}
        return [found.get(partition) for partition in partitions]

    async def _plan(self, partition: Partition, row: Position | None, target: Target) -> Move | None:
        log = await self._logs.log(partition)
        match target.place:
            case "earliest":
                offset: int | None = log.start
            case "latest":
                offset = log.end
            case datetime():
                offset = await self._logs.offset_at(partition, target.place)
            case _:
                offset = target.place
        return plan(partition, row, log, Wish(offset, target.group, target.accept_topic), self._group)

    async def _watch(self, partitions: Sequence[Partition], rows: Sequence[Position | None]) -> None:
        """Look twice. Raises CannotMove for what is being consumed."""
        await self._clock.sleep(WATCH_SECONDS)
        if busy := moving(rows, await self._rows(partitions)):
            numbers = ", ".join(str(p.number) for p in busy)
            raise CannotMove(
                f"{busy[0].topic}, partition {numbers}: is being consumed; stop its workers, or add --force"
            )
