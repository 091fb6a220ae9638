"""Whether everything is through, asked of the broker and of the database, not of the service."""

import asyncio

from python_app_template.adapters.secondary.postgres import outbox
from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.adapters.secondary.postgres.positions import PostgresPositions
from python_app_template.cli.reading import logs
from python_app_template.core.delivery.messages import Partition
from python_app_template.settings import Settings


def is_through(settings: Settings) -> bool:
    """Whether every position stands at its log's end, and nothing committed waits to be published.

    Raises CommandFailed: the broker does not answer.
    """
    topic = settings.kafka.input_topic
    ends = {Partition(topic, number): bounds.end for number, bounds in logs(settings, topic).items()}
    return asyncio.run(_is_through(settings, ends))


async def _is_through(settings: Settings, ends: dict[Partition, int]) -> bool:
    engine = create_engine(settings.database, settings.service_name)
    try:
        positions = PostgresPositions(engine, settings.kafka.group_id, reach=1)
        for partition, end in ends.items():
            row = await positions.read(partition)
            if row is None or row.next_offset < end:
                return False
        return (await outbox.pending(engine)).rows == 0
    finally:
        await engine.dispose()
