"""What all embedded servers have in common: one process, its ports, and an end that leaves nothing behind."""

import signal
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from python_app_template.embedded.errors import BackendError
from python_app_template.embedded.ports import ReservedPort
from python_app_template.embedded.process import ServerProcess


class EmbeddedServer(ABC):
    """A server that lives as long as this object, with its data; nothing stays behind, however the caller ends.

    Methods raise BackendError.
    """

    NAME: ClassVar[str]

    def __init__(self) -> None:
        self._ports: dict[str, ReservedPort] = {}
        self._process: ServerProcess | None = None

    @property
    def pid(self) -> int | None:
        """Id of the process, of the first one where there are several; None while it is down."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        """What the server says, of all its runs."""
        return self._running().log

    def start(self) -> Self:
        """Make what it needs, start, return when it answers."""
        if self._process is not None:
            raise BackendError(f"{self.NAME} has been started already; restart() starts it again")
        try:
            self._open()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server at once and remove its data."""
        if self._process is not None:
            self._process.close()
            self._process = None
        for port in self._ports.values():
            port.release()

    def kill(self) -> None:
        """SIGKILL the process (its children follow); the data stays, for restart()."""
        self._running().kill()

    def pause(self) -> None:
        """SIGSTOP the process: connections stay, no answer comes; PostgreSQL's open sessions go on."""
        self._running().send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT the process."""
        self._running().send(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def _open(self) -> None:
        """Take ports, make the process and its data, run it. What fails half-way is stopped."""

    def _port(self, listener: str) -> int:
        """Return where it listens, the same after every restart."""
        if listener not in self._ports:
            raise self._not_started()
        return self._ports[listener].number

    def _running(self) -> ServerProcess:
        if self._process is None:
            raise self._not_started()
        return self._process

    def _not_started(self) -> BackendError:
        return BackendError(f"{self.NAME} has not been started; call start()")
