"""When the service moved on: each partition's position in the database, and the published cursor in Kafka."""

import asyncio
import threading
import time
from bisect import bisect_right
from collections import defaultdict
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

import asyncpg
from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from python_app_template.adapters.kafka_admin import LAST
from python_app_template.settings import Settings
from tests.broker import SILENT

LOOK_SECONDS = 0.03
ANSWER_SECONDS = 1.0
POSITIONS = "SELECT partition, next_offset FROM positions"
PENDING = "SELECT count(*) - 1 + (SELECT number FROM outbox_head) - max(number) FROM outbox"
PUBLISHED = -1
"""Stands beside the partitions' numbers for the relay."""


AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises while the server goes or is away."""


class Standing(NamedTuple):
    """Where the service stands, by what is committed."""

    positions: dict[int, int]
    pending: int
    """Rows of the outbox that are not trimmed yet."""


class Progress:
    """Looks on, from its own threads, while it is entered. Instants are seconds as `time.time` counts them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._moved: defaultdict[int, list[float]] = defaultdict(list)
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=lambda: asyncio.run(self._watch_database()), daemon=True),
            threading.Thread(target=self._watch_cursor, daemon=True),
        ]
        self.standing = Standing({}, -1)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def consumed(self) -> int:
        """Offsets of all partitions that are consumed, markers of transactions included."""
        return sum(self.standing.positions.values())

    def recovered(self, since: float) -> float | None:
        """When every partition and the relay had moved on after an instant; None when that was not seen."""
        firsts = [
            self._first_after(since, number) for number in (*range(self._settings.kafka.input_partitions), PUBLISHED)
        ]
        known = [first for first in firsts if first is not None]
        return max(known) if len(known) == len(firsts) else None

    def _first_after(self, since: float, number: int) -> float | None:
        instants = self._moved[number]
        place = bisect_right(instants, since)
        return instants[place] if place < len(instants) else None

    async def _watch_database(self) -> None:
        url = self._settings.database.url.get_secret_value().replace("+asyncpg", "")
        while not self._closed.is_set():
            with suppress(*AWAY):
                connection = await asyncpg.connect(url, timeout=ANSWER_SECONDS, command_timeout=ANSWER_SECONDS)
                try:
                    await self._look_at(connection)
                finally:
                    connection.terminate()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look_at(self, connection: asyncpg.Connection) -> None:
        while not self._closed.is_set():
            found = {row["partition"]: row["next_offset"] for row in await connection.fetch(POSITIONS)}
            pending = await connection.fetchval(PENDING)
            for number, offset in found.items():
                if offset != self.standing.positions.get(number):
                    self._moved[number].append(time.time())
            self.standing = Standing(found, pending)
            await asyncio.sleep(LOOK_SECONDS)

    def _watch_cursor(self) -> None:
        kafka, seen = self._settings.kafka, -1
        # A broker that comes back is seen at once.
        soon = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 50}
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers, **soon}, logger=SILENT)
        cursor = {TopicPartition(str(kafka.positions_topic), 0): LAST}
        while not self._closed.wait(LOOK_SECONDS):
            try:
                (asked,) = admin.list_offsets(
                    cursor, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ANSWER_SECONDS
                ).values()
                stable = asked.result(ANSWER_SECONDS * 2).offset
            except (KafkaException, TimeoutError):
                # librdkafka asks with the leader's epoch that it knows, and learns of a newer one from metadata alone.
                with suppress(KafkaException):
                    admin.list_topics(timeout=ANSWER_SECONDS)
            else:
                if stable > seen:
                    seen = stable
                    self._moved[PUBLISHED].append(time.time())
