"""What has to be true of the database before the service starts."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.secondary.postgres.sqlstates import ERRORS, classify
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.checks import Check, CheckDoubtful, CheckFailed
from python_app_template.core.ports.clock import Clock

MIGRATE = "run `alembic upgrade head`"

SERVER = text(
    """
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
           current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,
           current_setting('full_page_writes') AS full_page_writes, pg_is_in_recovery() AS standby
    """
)
REVISIONS = text(
    """
    SELECT (SELECT max(version_num) FROM alembic_version) AS revision,
           (SELECT compatible_from FROM schema_compatibility) AS compatible_from
    """
)
TABLES = text("SELECT to_regclass('alembic_version') IS NULL OR to_regclass('schema_compatibility') IS NULL")


SKEW_SECONDS = 5.0
"""By how much the database's clock may differ from ours before it is worth a word."""


def checks(engine: AsyncEngine, revision: str, clock: Clock) -> list[Check]:
    """Return them in the order in which they make sense; `revision` is the schema's that the code needs."""
    return [
        Check("database", partial(database, engine)),
        Check("database durability", partial(durability, engine)),
        Check("database session", partial(session, engine)),
        Check("schema", partial(schema, engine, revision)),
        Check("clocks", partial(clocks, engine, clock)),
    ]


async def database(engine: AsyncEngine) -> str:
    """It answers, can be written to, and is of a kind that was tested."""
    async with asking(engine) as connection:
        server = (await connection.execute(SERVER)).one()
    if server.number < 150000:  # noqa: PLR2004 - PostgreSQL 15.0
        raise CheckFailed(f"PostgreSQL {server.version}", "use PostgreSQL 15 or later")
    if server.standby:
        raise CheckFailed("a standby, which can't be written to", "name the primary in APP_DATABASE__URL", passing=True)
    if server.encoding != "UTF8":
        raise CheckFailed(f"encoding {server.encoding}", "create the database with ENCODING 'UTF8'")
    return f"PostgreSQL {server.version}"


async def durability(engine: AsyncEngine) -> str:
    """What it acknowledges survives a crash of the machine."""
    async with asking(engine) as connection:
        server = (await connection.execute(SERVER)).one()
    off = [name for name in ("fsync", "full_page_writes") if getattr(server, name) != "on"]
    if off:
        raise CheckFailed(
            f"off: {', '.join(off)}: a crash loses what was acknowledged", "switch it on in postgresql.conf"
        )
    return "fsync, full_page_writes, synchronous_commit on"


async def session(engine: AsyncEngine) -> str:
    """A session stays one: no proxy hands the next transaction to another."""
    mark = uuid.uuid4().hex
    async with asking(engine) as connection:
        await connection.execute(text("SELECT set_config('app.probe', :mark, false)"), {"mark": mark})
        await connection.commit()
        if await connection.scalar(text("SELECT current_setting('app.probe', true)")) != mark:
            raise CheckFailed("a proxy that pools transactions", "name the server itself in APP_DATABASE__URL")
    return "direct"


async def schema(engine: AsyncEngine, revision: str) -> str:
    """It is at the revision that this code needs, or at a later one that still serves it (expand, then contract)."""
    async with asking(engine) as connection:
        if await connection.scalar(TABLES):
            raise CheckFailed("no schema", MIGRATE, passing=True)
        found = (await connection.execute(REVISIONS)).one()
    if found.revision is None or found.revision < revision:
        raise CheckFailed(f"revision {found.revision or 'none'}, {revision} is needed", MIGRATE, passing=True)
    if found.compatible_from > revision:
        needed = f"code of revision {found.compatible_from} or later"
        raise CheckFailed(
            f"revision {found.revision}, which needs {needed}", "deploy the newer version of this service"
        )
    return f"revision {found.revision}"


async def clocks(engine: AsyncEngine, clock: Clock) -> str:
    """They agree. Nothing is decided by them, but ages and times in events and metrics are told by both.

    The broker's clock can not be asked for.
    """
    async with asking(engine) as connection:
        before = clock.now()
        there = await connection.scalar(text("SELECT clock_timestamp()"))
        apart = (there - before - (clock.now() - before) / 2).total_seconds()
    if abs(apart) > SKEW_SECONDS:
        raise CheckDoubtful(
            f"the database's clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} ours",
            "set both by the same time servers; ages in metrics are wrong until then",
        )
    return f"{abs(apart):.1f} s apart"


@asynccontextmanager
async def asking(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Connect for questions. Raises CheckFailed where that does not work."""
    try:
        async with engine.connect() as connection:
            yield connection
    except ERRORS as error:
        fault = classify(error)
        if isinstance(fault, TransientError):
            raise CheckFailed(f"{fault}", "start it, or correct APP_DATABASE__URL", passing=True) from error
        raise CheckFailed(f"{fault}", "correct APP_DATABASE__URL, or the role's rights") from error
