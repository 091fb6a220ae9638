"""The broker's logs for whoever moves positions, and how far events have been published, looked at from outside."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec as Spec  # type: ignore[attr-defined] # public, but for the stubs

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.cursor_topic import CursorTopic
from python_app_template.adapters.secondary.kafka.reading import bounds
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.positions import Log
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.ports.moves import Logs
from python_app_template.settings import Settings

ANSWER_SECONDS = 4.0


class KafkaLogs(Logs):
    """As the port says."""

    def __init__(self, admin: KafkaAdmin) -> None:
        self._admin = admin

    async def partitions(self, topic: str) -> Sequence[Partition]:
        """As the port says."""
        found = (await self._admin.topics([topic]))[topic]
        return [Partition(topic, number) for number in range(found.partitions)] if found else []

    async def topic_id(self, topic: str) -> str | None:
        """As the port says."""
        found = (await self._admin.topics([topic]))[topic]
        return found.id if found else None

    async def log(self, partition: Partition) -> Log:
        """As the port says."""
        topic, found = await asyncio.gather(self._admin.topic(partition.topic), bounds(self._admin, partition))
        return Log(topic.id, found.start, found.end)

    async def offset_at(self, partition: Partition, at: datetime) -> int:
        """As the port says."""
        log = await self.log(partition)
        wanted = Spec.for_timestamp(round(at.timestamp() * 1000))
        asked = self._admin.client.list_offsets({TopicPartition(*partition): wanted}, request_timeout=ANSWER_SECONDS)
        (future,) = asked.values()
        found = await self._admin.answer(future)
        return log.end if found.offset < 0 else int(found.offset)


async def published(settings: Settings, transactional_id: str, admin: KafkaAdmin) -> Cursor | None:
    """Return the committed cursor; nobody is fenced, and a transaction that is open does not count.

    Raises TransientError; Halted: the last record is no cursor.
    """
    cursors = CursorTopic(settings, transactional_id)
    found = await bounds(admin, cursors.partition)
    return await cursors.last(found.start, found.stable_end)
