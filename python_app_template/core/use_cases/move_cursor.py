"""Say anew how far events have been published: for a cursor that is lost, or that the database does not know."""

from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.moving import CannotMove, CursorMove
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.ports.moves import Moves
from python_app_template.core.ports.publishing import Lead, OpenPublisher, Publisher


class MoveCursor:
    """In the order in which the relay itself goes: the term, the fence, the cursor; then the new one.

    - Rows beyond the number are published next, each once; rows up to it never.
    - A relay at work is left alone, unless by force: then it is fenced, and goes on from the new cursor.
    - The move is written down before the cursor: none goes unrecorded, and to repeat it does no harm.
    """

    def __init__(self, lead: Lead, open_publisher: OpenPublisher, moves: Moves, topic: str) -> None:
        self._lead, self._open_publisher, self._moves, self._topic = lead, open_publisher, moves, topic

    async def __call__(self, number: int, reason: str, *, force: bool = False) -> CursorMove:
        """Publish the cursor; return both. Raises CannotMove, Halted (somebody holds its topic), TransientError."""
        async with self._lead() as term:
            if not force and not await term.holds():
                raise CannotMove("a relay is at work, and has its cursor; stop the relays, or add --force")
            async with self._open_publisher() as publisher:
                before = await _last(publisher)
                after = await self._moves.bear_witness(number, before, self._topic, reason)
                if before != after:
                    await publisher.publish((), after)
        return CursorMove(before, after)


async def _last(publisher: Publisher) -> Cursor | None:
    """Return the cursor there is; what is none is about to be replaced."""
    try:
        return await publisher.cursor()
    except Halted as why:
        if why.reason != "cursor_unreadable":
            raise
        return None
