"""The embedded backends as the commands start them: with a bar for what is downloaded, and gone after a signal."""

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from python_app_template.cli.output import Screen, say
from python_app_template.cli.signals import interruptible
from python_app_template.embedded import Backends, embedded_backends
from python_app_template.settings import Settings, load


@contextmanager
def started(*, durable: bool = True, quick_timeouts: bool = False, redis: bool = False) -> Iterator[Backends]:
    """Start them; on leaving, also by Ctrl-C or SIGTERM, all are ended. Raises BackendError."""
    with interruptible() as interrupted:
        starting = Starting(interrupted)
        servers = embedded_backends(starting.progress, durable=durable, quick_timeouts=quick_timeouts, redis=redis)
        with starting.shown(), servers as backends:
            starting.over()
            yield backends


def settings_for(backends: Backends, overrides: Mapping[str, str]) -> Settings:
    """Return settings that lead to these servers and take nothing else from outside but `overrides`."""
    with tempfile.TemporaryDirectory() as nowhere, chdir(nowhere), _bare_environment():  # no .env lies there
        return load(
            {
                **overrides,
                "kafka.bootstrap_servers": backends.kafka.bootstrap_servers,
                "database.url": backends.postgres.url(),
                **({"redis.url": backends.redis.url} if backends.redis else {}),
            }
        )


@contextmanager
def _bare_environment() -> Iterator[None]:
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.upper().startswith("APP_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


class Starting:
    """What a person sees while the servers start: a bar, or, where no terminal is, a line for each long wait."""

    def __init__(self, interrupted: threading.Event) -> None:
        self._interrupted = interrupted
        self._told: set[str] = set()
        console = Screen(stderr=True)
        self._terminal = console.is_terminal
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not self._terminal,
            transient=True,
        )
        self._task = self._bar.add_task("starting Kafka and PostgreSQL", total=None, amount="")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it, until it is over or fails."""
        self._bar.start()
        try:
            yield
        finally:
            self.over()

    def over(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Say how far it is; KeyboardInterrupt in the thread that fetches, if Ctrl-C came meanwhile."""
        if self._interrupted.is_set():
            raise KeyboardInterrupt
        megabytes = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total > 1 else "once"
        doing = f"downloading {what}" if total > 1 else f"preparing: {what}"
        if done == total:
            self._bar.update(self._task, description="starting Kafka and PostgreSQL", total=None, amount="")
            return
        self._bar.update(self._task, description=doing, completed=done, total=total if total > 1 else None)
        self._bar.update(self._task, amount=megabytes)
        if not self._terminal and what not in self._told:
            say(f"{doing} ({megabytes})")
            self._told.add(what)
