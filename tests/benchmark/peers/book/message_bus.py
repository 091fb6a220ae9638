"""The message bus: a command has one handler and may fail, an event may have many and is logged when one does."""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.benchmark.peers.book.handlers import COMMAND_HANDLERS, EVENT_HANDLERS
from tests.benchmark.peers.book.messages import Command, Event
from tests.benchmark.peers.book.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

Handler = Callable[[Any], None]


class MessageBus:
    """Handles a message, and whatever comes of it."""

    def __init__(
        self, uow: UnitOfWork, commands: Mapping[type, Handler], events: Mapping[type, Sequence[Handler]]
    ) -> None:
        self._uow = uow
        self._commands = commands
        self._events = events
        self._queue: list[Command | Event] = []

    def handle(self, message: Command) -> None:
        """Handle one, and all that follows from it. Raises what the command's handler raises."""
        self._queue = [message]
        while self._queue:
            match self._queue.pop(0):
                case Event() as event:
                    self._handle_event(event)
                case command:
                    self._commands[type(command)](command)
                    self._queue.extend(self._uow.collect_new_events())

    def _handle_event(self, event: Event) -> None:
        for handler in self._events[type(event)]:
            try:
                handler(event)
                self._queue.extend(self._uow.collect_new_events())
            except Exception:
                logger.exception("cannot handle %s", event)


def bootstrap(uow: UnitOfWork, publish: Callable[[str, Event], None]) -> MessageBus:
    """Give each handler what it names in its parameters."""
    dependencies = {"uow": uow, "publish": publish}
    return MessageBus(
        uow,
        {kind: injected(handler, dependencies) for kind, handler in COMMAND_HANDLERS.items()},
        {kind: [injected(handler, dependencies) for handler in all_] for kind, all_ in EVENT_HANDLERS.items()},
    )


def injected(handler: Callable[..., None], dependencies: Mapping[str, Any]) -> Handler:
    """Return the handler as a function of the message alone."""
    wanted = inspect.signature(handler).parameters
    given = {name: dependency for name, dependency in dependencies.items() if name in wanted}
    return lambda message: handler(message, **given)
