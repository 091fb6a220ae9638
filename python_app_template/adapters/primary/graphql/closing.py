"""Why a connection is closed, in the words of `graphql-transport-ws` where it has any. YOURS."""

from typing import Final

LONGEST_REASON: Final = 123
"""Bytes (RFC 6455, section 5.5)."""


class Close(Exception):
    """The connection is to be closed with this code. 4400 and above are the protocol's."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason.encode()[:LONGEST_REASON].decode(errors="ignore")


GOING: Final = Close(1001, "the service stops")
NOT_UNDERSTOOD: Final = Close(4400, "not a message of the protocol")
NOT_YET: Final = Close(4401, "Unauthorized")
TOO_LATE: Final = Close(4408, "Connection initialisation timeout")
TWICE: Final = Close(4429, "Too many initialisation requests")
NOT_THIS_PROTOCOL: Final = Close(4406, "the subprotocol has to be graphql-transport-ws")
EVENTS_AWAY: Final = Close(1013, "the events can not be read now; try again later")
