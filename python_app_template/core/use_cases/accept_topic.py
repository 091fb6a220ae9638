"""Go on writing to a topic that was deleted and made again."""

from typing import NamedTuple

from python_app_template.core.delivery.moving import CannotMove
from python_app_template.core.ports.moves import Logs, Moves


class Accepted(NamedTuple):
    """A topic's ids; the one before is None when the topic was never written to: the relay takes it as it is."""

    topic: str
    before: str | None
    after: str


class AcceptTopic:
    """The relay, which halted at the new id, goes on by itself. What the old topic held is gone."""

    def __init__(self, moves: Moves, logs: Logs) -> None:
        self._moves, self._logs = moves, logs

    async def __call__(self, topic: str, reason: str) -> Accepted:
        """Take the topic as it is now. Raises CannotMove, TransientError."""
        found = await self._logs.topic_id(topic)
        if found is None:
            raise CannotMove(f"there is no topic {topic}; create it with `python-app-template topics create`")
        return Accepted(topic, await self._moves.accept(topic, found, reason), found)
