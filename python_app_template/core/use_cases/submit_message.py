"""Send a message for somebody, and give them an id to ask after it."""

from typing import NamedTuple

from python_app_template.core.delivery.commands import CommandIds, Place
from python_app_template.core.ports.commands import MessageLog, Outgoing


class Submitted(NamedTuple):
    """A command that will be consumed: its place, and the id that its sender gets."""

    place: Place
    command_id: str


class SubmitMessage:
    """There is one way in: every wish is a message of the input topic, and is judged where all of them are."""

    def __init__(self, log: MessageLog, ids: CommandIds) -> None:
        self._log, self._ids = log, ids

    async def __call__(self, message: Outgoing, kind: str, subject: str | None) -> Submitted:
        """Return once the broker has it; `subject` is for whom it is sent. Raises TransientError: nobody knows."""
        place = await self._log.append(message)
        return Submitted(place, self._ids.make(place, kind, subject))
