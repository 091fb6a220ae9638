"""What the operator's commands work with: the database and the broker of the settings, opened for one command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.logs import KafkaLogs, published
from python_app_template.adapters.secondary.kafka.publisher import open_publisher
from python_app_template.adapters.secondary.postgres import outbox, term
from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.adapters.secondary.postgres.moves import PostgresMoves
from python_app_template.cli.reading import ANSWER_SECONDS
from python_app_template.core.delivery.moving import CursorMove
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.ports.moves import Logs, Moves
from python_app_template.core.ports.publishing import OutboxReader
from python_app_template.core.use_cases.move_cursor import MoveCursor
from python_app_template.settings import Settings


class Desk:
    """Database and broker, for one command."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._engine = settings, (engine := create_engine(settings.database, settings.service_name))
        self._admin = KafkaAdmin(settings, ANSWER_SECONDS)
        self.moves: Moves = PostgresMoves(engine)
        self.logs: Logs = KafkaLogs(self._admin)
        self.outbox: OutboxReader = outbox.PostgresOutboxReader(
            engine, asyncio.Event(), page_bytes=settings.outbox.page_bytes, poll_seconds=1.0, idle_seconds=0
        )

    async def look_at_cursor(self) -> Cursor | None:
        """Read the cursor as it is committed."""
        return await published(self._settings, await self._transactional_id(), self._admin)

    async def move_cursor(self, number: int, reason: str, *, force: bool) -> CursorMove:
        """As the use case says."""
        settings = self._settings
        opener = open_publisher(settings, await self._transactional_id(), self._admin)
        lead, topic = term.lead(settings.database), settings.kafka.positions_topic
        return await MoveCursor(lead, opener, self.moves, topic)(number, reason, force=force)

    async def close(self) -> None:
        """Leave no connection behind."""
        await self._engine.dispose()

    async def _transactional_id(self) -> str:
        return await outbox.transactional_id(self._engine, self._settings.kafka.transactional_id)


@asynccontextmanager
async def at_desk(settings: Settings) -> AsyncIterator[Desk]:
    """Open what a command needs."""
    desk = Desk(settings)
    try:
        yield desk
    finally:
        await desk.close()
