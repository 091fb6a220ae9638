"""The engine: a pool of connections of which each is set as the guarantees need it, whatever the server's defaults."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, event, make_url, text
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from python_app_template.adapters.secondary.postgres.sqlstates import ERRORS, classify, spoils_connection
from python_app_template.settings import Database

LATER = {"transaction_timeout"}
"""Server settings that older servers (before 17) do not know."""

SET_WHERE_KNOWN = "SELECT set_config(name, $1, false) FROM pg_settings WHERE name = $2"

SPANNING = ("idle_in_transaction_session_timeout", "transaction_timeout")
"""Server settings that bound a whole transaction, and not a statement of it; in milliseconds."""

SPANS = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)").bindparams(
    bindparam("names", type_=ARRAY(Text))
)
SPAN = text("SELECT set_config(:name, '0', true), set_config(:name, :milliseconds, true)")
"""A transaction's time runs from when it was limited first: only no limit in between makes a later one count."""

READ_SECONDS = 5.0
"""For a statement that somebody waits for."""

EPOCH, MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
"""What PostgreSQL counts instants from, and in."""


def session_settings(database: Database, name: str) -> Mapping[str, str]:
    """Return what is set on every connection; times in milliseconds."""
    return {
        "application_name": name,
        "default_transaction_isolation": "read committed",
        "default_transaction_read_only": "off",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "jit": "off",  # compiling a plan costs more than these statements
        "statement_timeout": _milliseconds(database.statement_timeout_seconds),
        "lock_timeout": _milliseconds(database.lock_timeout_seconds),
        "idle_session_timeout": "0",  # the pool's connections may wait for work
        "idle_in_transaction_session_timeout": _milliseconds(database.idle_in_transaction_timeout_seconds),
        "transaction_timeout": _milliseconds(database.transaction_timeout_seconds),
    }


def _milliseconds(seconds: float) -> str:
    """Never 0, which would mean: for ever."""
    return str(max(round(seconds * 1000), 1))


def create_reader(database: Database, name: str) -> AsyncEngine:
    """Return an engine for those who only look on behalf of people.

    It has a pool of its own, so that no worker waits for a connection; its sessions can't write, and give up early.
    """
    seconds = min(READ_SECONDS, database.statement_timeout_seconds)
    quick = {"statement_timeout_seconds": seconds, "lock_timeout_seconds": seconds / 2}
    return create_engine(database.model_copy(update=quick), name, default_transaction_read_only="on")


def create_engine(database: Database, name: str, **sessions: str) -> AsyncEngine:
    """Return an engine; nothing is connected yet. The URL's own options (`ssl`) go to the driver as they are.

    `sessions` are settings of its sessions that differ from those that work needs.
    """
    settings = {**session_settings(database, name), **sessions}
    engine = create_async_engine(
        make_url(database.url.get_secret_value()),
        pool_size=database.pool_size,
        max_overflow=0,
        pool_use_lifo=True,  # the connection that knows most SKUs and has its plans made
        pool_timeout=database.connect_timeout_seconds,
        hide_parameters=True,  # what customers order is no business of the log's
        connect_args={
            "timeout": database.connect_timeout_seconds,
            # A server that is frozen, or behind a dead network, answers nothing, not even a timeout.
            "command_timeout": database.statement_timeout_seconds + database.lock_timeout_seconds,
            # COPY shall ask anew what a table is made of: a migration may have changed it under a remembered answer.
            # (0 would end prepared statements too; those, SQLAlchemy keeps, and the server tells when one is stale.)
            "max_cacheable_statement_size": 1,
            "server_settings": {name: value for name, value in settings.items() if name not in LATER},
        },
    )

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.run_async(partial(set_up, settings={name: settings[name] for name in LATER}))

    return engine


async def set_up(connection: Any, settings: Mapping[str, str]) -> None:
    """Set what the server knows of these, on a driver's connection; in no transaction, whose rollback would undo it.

    Instants are read and written as numbers: the driver takes the first and the last that Python has for infinite.
    """
    for name, value in settings.items():
        await connection.execute(SET_WHERE_KNOWN, value, name)
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        encoder=lambda instant: ((instant - EPOCH) // MICROSECOND,),
        decoder=lambda counted: EPOCH + timedelta(microseconds=counted[0]),
        format="tuple",
    )


def each_alone(engine: AsyncEngine) -> AsyncEngine:
    """Return the same engine with every statement a transaction of its own: one round trip instead of three."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction, committed at the end. The driver's errors become TransientError, MessageError, FatalError."""
    connection, fault = await connect(engine), None
    try:
        yield connection
        await connection.commit()
    except BaseException as error:
        fault = error
        if isinstance(error, ERRORS):
            raise classify(error) from error
        raise
    finally:
        await asyncio.shield(give_back(connection, fault))


async def allow_longer(connection: AsyncConnection, seconds: float) -> None:
    """Let this transaction take so much longer than the settings say, and its statements be as far apart."""
    for name, setting in (await connection.execute(SPANS, {"names": SPANNING})).all():
        milliseconds = str(int(setting) + round(seconds * 1000))
        await connection.execute(SPAN, {"name": name, "milliseconds": milliseconds})


async def connect(engine: AsyncEngine) -> AsyncConnection:
    """Take a connection out of the pool. Raises TransientError, FatalError."""
    try:
        return await engine.connect()
    except ERRORS as error:
        raise classify(error) from error


async def give_back(connection: AsyncConnection, fault: BaseException | None) -> None:
    """Put it back, rolled back unless committed; after a fault that may have spoilt it, close it instead."""
    with suppress(ResourceClosedError):  # it failed while it was given back, and is closed
        try:
            if spoils_connection(fault):
                await connection.invalidate()
            await connection.close()
        except ERRORS:
            await connection.invalidate()
