"""What all WebSockets of a process share: room, a clock, one reader of the events. YOURS."""

from typing import NamedTuple, Protocol

from python_app_template.adapters.primary.broadcast import Broadcast
from python_app_template.adapters.wire.events import Body
from python_app_template.core.ports.clock import Clock


class Room(NamedTuple):
    """For how many there is room in a process, and how long is waited for each."""

    connections: int
    subscriptions: int
    message_bytes: int
    init_seconds: float = 10.0
    """For the token to come."""
    close_seconds: float = 2.0
    """For what was written to be taken, and for the closing to be answered; then the connection is cut off."""


class House(Protocol):
    """What all connections share."""

    events: Broadcast[Body]
    clock: Clock
    room: Room

    def has_room(self) -> bool:
        """Tell whether there may be one more subscription."""
        ...
