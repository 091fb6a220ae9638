"""Follow commands until they are no longer pending: one look at the position rows for all who wait."""

from collections.abc import Callable
from typing import TypeAlias

from python_app_template.core.delivery.commands import Place, Standing, Status, judge
from python_app_template.core.ports.commands import CommandLog

Tell: TypeAlias = Callable[[Standing], None]
"""Called once, with what has become of the command."""

PENDING = Standing(Status.PENDING)


class FollowCommands:
    """It costs the worker nothing, and the database one small query for each look, however many wait.

    - While nobody waits nothing is asked.
    - More than `most` do not wait: who comes then hears at once that the command is still pending.
    - Drained, all who wait hear the same, and nobody waits any more.
    """

    def __init__(self, log: CommandLog, most: int) -> None:
        self._log, self._most = log, most
        self._waiting: dict[object, tuple[Place, Tell]] = {}
        self._drained = False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def standing(self, place: Place) -> Standing:
        """Say what has become of a command by now. Raises TransientError."""
        return judge(place.offset, (await self._log.traces([place]))[place])

    def wait(self, place: Place, tell: Tell) -> Callable[[], None]:
        """Wait for a command; call what is returned to wait no longer."""
        if self._drained or len(self._waiting) >= self._most:
            tell(PENDING)
            return lambda: None
        ticket = object()
        self._waiting[ticket] = place, tell

        def leave() -> None:
            self._leave(ticket)

        return leave

    async def look(self) -> None:
        """Tell those whose command is no longer pending. Raises TransientError: they go on waiting."""
        if not self._waiting:
            return
        consumed = await self._log.consumed()
        reached = {place for place, _ in self._waiting.values() if place.offset < consumed.get(place.partition, 0)}
        if not reached:
            return
        traces = await self._log.traces(reached)
        standings = {place: judge(place.offset, trace) for place, trace in traces.items()}
        for ticket, (place, tell) in list(self._waiting.items()):
            standing = standings.get(place, PENDING)
            if standing.status is not Status.PENDING and self._leave(ticket):
                tell(standing)

    def drain(self) -> None:
        """Let nobody wait any longer."""
        self._drained = True
        waiting, self._waiting = self._waiting, {}
        for _, tell in waiting.values():
            tell(PENDING)

    def _leave(self, ticket: object) -> bool:
        return self._waiting.pop(ticket, None) is not None
