"""Free TCP ports on the loopback interface, kept for a server while it is down."""

import socket
import sys
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


class ReservedPort:
    """A port that nobody else on this machine is given, though one server may listen on it.

    On Linux a socket that is bound but does not listen keeps the port out of the kernel's hands, also while the
    server restarts: neither another server nor an outgoing connection gets it, and a client that dials a server
    that is down can't connect to itself. The server binds beside it because both set SO_REUSEADDR. Elsewhere the
    port is only found free, and let go.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, 0))
        self.number: int = self._socket.getsockname()[1]
        if sys.platform != "linux":
            self._socket.close()

    def release(self) -> None:
        """Give the port back."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
