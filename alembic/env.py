"""Runs migrations: on the database that the service's settings name, one process at a time."""

import asyncio
from logging.config import fileConfig

from sqlalchemy import Connection, make_url, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from alembic import context
from python_app_template.service import TABLES
from python_app_template.settings import load

LOCK = 0x5_0A7_A1E3
"""The advisory lock under which replicas that start at once migrate one after the other."""


def run(connection: Connection) -> None:
    """Migrate over this connection, in one transaction."""
    context.configure(connection=connection, target_metadata=TABLES, compare_server_default=True)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        context.run_migrations()


async def connect_and_run() -> None:
    """Connect without the service's timeouts: a migration may take its time, and queue for others."""
    url = context.config.attributes.get("url") or load().database.url.get_secret_value()
    engine = create_async_engine(make_url(url), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=TABLES, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    if context.config.config_file_name is not None and not context.config.attributes.get("url"):
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    asyncio.run(connect_and_run())
