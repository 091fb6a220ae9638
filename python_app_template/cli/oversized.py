"""The database's part of dead letters, asked for only where one was too large for its topic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.adapters.secondary.postgres.oversized import PostgresOversized
from python_app_template.core.ports.dead_letters import Oversized
from python_app_template.settings import Settings


@asynccontextmanager
async def oversized(settings: Settings) -> AsyncIterator[Oversized]:
    """Yield what has the bytes; nothing is connected before they are asked for."""
    engine = create_engine(settings.database, settings.service_name)
    try:
        yield PostgresOversized(engine)
    finally:
        await engine.dispose()
