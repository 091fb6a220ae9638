"""The database's part of dead letters, asked for only where one was too large for its topic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.adapters.secondary.postgres.oversized import PostgresOversized
from python_app_template.cli.faults import CommandFailed
from python_app_template.core.delivery.faults import FatalError, MessageError, TransientError
from python_app_template.core.delivery.returning import Letter
from python_app_template.core.ports.dead_letters import Oversized
from python_app_template.settings import Settings


@asynccontextmanager
async def oversized(settings: Settings) -> AsyncIterator[Oversized]:
    """Yield what has the bytes; nothing is connected before they are asked for."""
    engine = create_engine(settings.database, settings.service_name)
    try:
        yield _Told(PostgresOversized(engine))
    finally:
        await engine.dispose()


class _Told(Oversized):
    """Says in a line that it is the database which fails. Raises CommandFailed."""

    def __init__(self, inner: Oversized) -> None:
        self._inner = inner

    async def value(self, letter: Letter) -> bytes | None:
        try:
            return await self._inner.value(letter)
        except (TransientError, FatalError, MessageError) as fault:
            raise CommandFailed(
                f"dead letter {letter.place} was too large, and PostgreSQL, which has its bytes, does not give them:"
                f" {fault}; see APP_DATABASE__URL"
            ) from fault
