"""The engine: a pool of connections of which each is set as the guarantees need it, whatever the server's defaults."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from python_app_template.adapters.secondary.postgres.sqlstates import ERRORS, classify
from python_app_template.settings import Database

LATER = {"transaction_timeout"}
"""Server settings that older servers (before 17) do not know."""


SET_WHERE_KNOWN = "SELECT set_config(name, $1, false) FROM pg_settings WHERE name = $2"


def session_settings(database: Database, name: str) -> Mapping[str, str]:
    """Return what is set on every connection; times in milliseconds."""
    return {
        "application_name": name,
        "default_transaction_isolation": "read committed",
        "default_transaction_read_only": "off",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "jit": "off",  # compiling a plan costs more than these statements
        "statement_timeout": f"{database.statement_timeout_seconds * 1000:.0f}",
        "lock_timeout": f"{database.lock_timeout_seconds * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{database.idle_in_transaction_timeout_seconds * 1000:.0f}",
        "transaction_timeout": f"{database.transaction_timeout_seconds * 1000:.0f}",
    }


def create_engine(database: Database, name: str) -> AsyncEngine:
    """Return an engine; nothing is connected yet. The URL's own options (`ssl`) go to the driver as they are."""
    settings = session_settings(database, name)
    engine = create_async_engine(
        make_url(database.url.get_secret_value()),
        pool_size=database.pool_size,
        max_overflow=0,
        pool_timeout=database.connect_timeout_seconds,
        hide_parameters=True,  # what customers order is no business of the log's
        connect_args={
            "timeout": database.connect_timeout_seconds,
            # A server that is frozen, or behind a dead network, answers nothing, not even a timeout.
            "command_timeout": database.statement_timeout_seconds + database.lock_timeout_seconds,
            "server_settings": {name: value for name, value in settings.items() if name not in LATER},
        },
    )

    @event.listens_for(engine.sync_engine, "connect")
    def set_where_known(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for setting in LATER:
            cursor.execute(SET_WHERE_KNOWN, (settings[setting], setting))
        cursor.close()

    return engine


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction, committed at the end. The driver's errors become TransientError, MessageError, FatalError."""
    try:
        async with engine.begin() as connection:
            yield connection
    except ERRORS as error:
        raise classify(error) from error
