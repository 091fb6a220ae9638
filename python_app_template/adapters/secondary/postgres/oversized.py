"""The values of dead letters that no topic takes: written by the outbox, read here."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import each_alone, transaction
from python_app_template.core.delivery.returning import Letter
from python_app_template.core.ports.dead_letters import Oversized

VALUE = text('SELECT value FROM oversized WHERE topic = :topic AND partition = :partition AND "offset" = :offset')


class PostgresOversized(Oversized):
    """The table `oversized`, under topic, partition and offset of the origin."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = each_alone(engine)

    async def value(self, letter: Letter) -> bytes | None:
        """As the port says; bytes of another length are another message's, of a topic with the same name."""
        if letter.origin is None:
            return None
        (topic, partition), offset, _ = letter.origin
        async with transaction(self._engine) as connection:
            place = {"topic": topic, "partition": partition, "offset": offset}
            found = await connection.scalar(VALUE, place)
        return None if found is None or len(found) != letter.truncated else bytes(found)
