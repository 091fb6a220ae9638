"""Outbox rows as records, a page and its cursor in one Kafka transaction."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.cursor_topic import CursorTopic
from python_app_template.adapters.secondary.kafka.errors import relay_fault, rights_needed
from python_app_template.adapters.secondary.kafka.partitioner import partition_of
from python_app_template.adapters.secondary.kafka.reading import bounds
from python_app_template.adapters.secondary.kafka.topics import recognised, written_counts
from python_app_template.adapters.secondary.kafka.transactions import GRACE_SECONDS, Reach, TransactionalProducer
from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.messages import Frame
from python_app_template.core.delivery.relaying import Cursor, OutboxRow
from python_app_template.core.ports.publishing import OpenPublisher, Publisher
from python_app_template.settings import Settings


def open_publisher(
    settings: Settings,
    transactional_id: str,
    admin: KafkaAdmin,
    *,
    reach: Reach = lambda _point: None,
    grace: float = GRACE_SECONDS,
) -> OpenPublisher:
    """Return what opens a publisher under this id, the outbox's own; each one fences those before it."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Publisher]:
        publisher = KafkaPublisher(settings, transactional_id, admin, reach=reach, grace=grace)
        try:
            await publisher.fence()
            yield publisher
        finally:
            # On a thread, as it may wait; and to its end, whatever is cancelled meanwhile.
            await asyncio.shield(asyncio.to_thread(publisher.close))

    def entering() -> AbstractAsyncContextManager[Publisher]:
        return opened()

    return entering


class KafkaPublisher(Publisher):
    """One transactional producer. Whatever goes wrong, it is thrown away: nothing is aborted and carried on."""

    def __init__(
        self, settings: Settings, transactional_id: str, admin: KafkaAdmin, *, reach: Reach, grace: float
    ) -> None:
        self._admin, self._reach = admin, reach
        self._counts = written_counts(settings)
        self._cursors = CursorTopic(settings, transactional_id)
        self._producer = TransactionalProducer(settings, transactional_id, relay_fault, grace=grace)

    async def fence(self) -> None:
        """Shut older producers of this id out, and have what they left open ended."""
        await asyncio.to_thread(self._producer.fence)

    async def cursor(self) -> Cursor | None:
        """See the port."""
        deadline = time.monotonic() + self._producer.patience
        with rights_needed(f"read {self._cursors.partition.topic}"):
            while (found := await bounds(self._admin, self._cursors.partition)).stable_end < found.end:
                if time.monotonic() > deadline:
                    raise await self._held(found.stable_end)
                await asyncio.sleep(0.1)
            return await self._cursors.last(found.start, found.end)

    async def topics(self) -> Mapping[str, str]:
        """See the port."""
        with rights_needed(f"describe {', '.join(self._counts)}"):
            return recognised(await self._admin.topics(self._counts), self._counts)

    async def publish(self, rows: Sequence[OutboxRow], cursor: Cursor) -> None:
        """See the port."""
        frames = [frame for row in rows for frame in row.frames]
        await asyncio.to_thread(self._publish, frames, cursor)

    def close(self) -> None:
        """Throw the producer away, with what it has in hand; blocks, for no more than a moment."""
        self._cursors.close()
        self._producer.close()

    def _publish(self, frames: Sequence[Frame], cursor: Cursor) -> None:
        producer = self._producer
        with producer.refusals("a transaction"):
            producer.begin()
            self._reach("relay.begun")
            for frame in frames:
                producer.produce(frame, partition_of(frame, self._counts[frame.topic]))
            self._reach("relay.frames_produced")
            record = self._cursors.record(cursor)
            producer.produce(record, partition_of(record, self._counts[record.topic]))
            self._reach("relay.cursor_produced")
            producer.commit()
            self._reach("relay.committed")

    async def _held(self, stable_end: int) -> Halted:
        topic = self._cursors.partition.topic
        holder = await self._cursors.holder(stable_end)
        remedy = (
            f"find and end it: `kafka-transactions.sh describe-producers --topic {topic} --partition 0`, "
            f"then `abort --topic {topic} --partition 0 --start-offset {stable_end}`"
        )
        return Halted("relay", "cursor_held", expected=f"{topic} to be nobody else's", found=holder, remedy=remedy)
