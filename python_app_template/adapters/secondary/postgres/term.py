"""What one process does at a time (relaying): an advisory lock on a session of its own, kept alive by a thread."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import make_url

from python_app_template.adapters.secondary.postgres.sqlstates import ERRORS, classify
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.publishing import Lead, Term
from python_app_template.settings import Database

LOCK = 0x5_0A7_B0C5
"""The advisory lock's key. It counts within one database, so two services in two databases do not meet."""

RELAY = "relay"

HEARTBEAT_SECONDS = 1.0
IDLE_SESSION_MS = 5000
"""A session silent for so long is ended by the server: its process is frozen or cut off."""

QUEUE_TRIES = 10
QUEUE_SECONDS = 1.0
"""How long to queue for the lock before the caller hears that another has it.

It is tried again and again: a session that waited in `pg_advisory_lock` would be given the lock though its process is
frozen, and keep it until the server notices.
"""

CLOSE_SECONDS = 1.0
"""How long to wait, at most, for the session's own thread to end."""

SETTINGS = {
    "lock_timeout": "0",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


def lead(database: Database, *, lock: int = LOCK, name: str = RELAY, idle_session_ms: int = IDLE_SESSION_MS) -> Lead:
    """Return the port's function for this database, and the right that this lock stands for."""

    @asynccontextmanager
    async def enter() -> AsyncIterator[Term]:
        session = SessionThread(database, lock, name, idle_session_ms)
        try:
            await session.ask(session.connect())
            yield PostgresTerm(session, acquired=await session.ask(session.acquire()))
        finally:
            session.close()

    return enter


class PostgresTerm(Term):
    """The lock, for as long as its session lives."""

    def __init__(self, session: "SessionThread", *, acquired: bool) -> None:
        self._session, self._acquired = session, acquired

    async def queue(self) -> bool:
        """As the port says."""
        self._acquired = self._acquired or await self._session.ask(self._session.acquire())
        if self._acquired and not await self.holds():
            raise TransientError(f"the session that held the right to {self._session.name} is lost", code="term_lost")
        return self._acquired

    async def holds(self) -> bool:
        """Ask the server over the very session that holds the lock."""
        if not self._acquired:
            return False
        try:
            return bool(await self._session.ask(self._session.beat()))
        except TransientError:
            return False


class SessionThread:
    """One bare connection on an event loop and a thread of its own: autocommit, never reconnected."""

    def __init__(self, database: Database, lock: int, name: str, idle_session_ms: int) -> None:
        self._lock, self.name = lock, name
        self._address = address(database.url.get_secret_value())
        self._connect_seconds, self._answer_seconds = database.connect_timeout_seconds, idle_session_ms / 1000
        self._settings = SETTINGS | {"application_name": name, "idle_session_timeout": str(idle_session_ms)}
        self._connection: Any = None
        self._lost = False
        self._loop = asyncio.new_event_loop()
        self._busy = asyncio.Lock()
        self._thread = threading.Thread(target=self._run, name=f"{name}-term", daemon=True)
        self._thread.start()

    async def ask(self, question: Any) -> Any:
        """Run a coroutine of this session on its thread. Raises TransientError, FatalError."""
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(question, self._loop))
        except ERRORS as error:
            raise classify(error) from error

    async def connect(self) -> None:
        """Begin the session."""
        self._connection = await asyncpg.connect(
            **self._address, timeout=self._connect_seconds, server_settings=self._settings
        )

    async def acquire(self) -> bool:
        """Queue for the lock for a moment."""
        for _ in range(QUEUE_TRIES):
            if await self._connection.fetchval(
                "SELECT pg_try_advisory_lock($1)", self._lock, timeout=self._answer_seconds
            ):
                self._heart = self._loop.create_task(self._beat_for_ever())
                return True
            await asyncio.sleep(QUEUE_SECONDS / QUEUE_TRIES)
        return False

    async def beat(self) -> bool:
        """Ask the session for a sign of life; any failure means: lost, for good."""
        async with self._busy:
            try:
                if not self._lost:
                    await self._connection.fetchval("SELECT 1", timeout=self._answer_seconds)
            except ERRORS:
                self._lost = True
            return not self._lost

    def close(self) -> None:
        """End the session, and with it the lock; does not wait for the server, nor for long for anything else."""
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(CLOSE_SECONDS)

    async def _beat_for_ever(self) -> None:
        while await self.beat():  # noqa: ASYNC110 - a heartbeat has nothing to wait for
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _stop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._loop.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        if unfinished := asyncio.all_tasks(self._loop):
            for task in unfinished:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(unfinished, timeout=CLOSE_SECONDS))
        self._loop.run_until_complete(asyncio.sleep(0))  # a transport closes its socket a turn later
        self._loop.close()


def address(url: str) -> dict[str, Any]:
    """Return the driver's arguments for a URL, read as the engine reads it: `ssl` and several hosts included."""
    parsed = make_url(url)
    _, arguments = parsed.get_dialect()().create_connect_args(parsed)
    return {name: value for name, value in arguments.items() if not name.startswith("prepared_statement_")}
