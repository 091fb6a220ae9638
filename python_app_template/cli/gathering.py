"""Gathering the audit's evidence from a live service: one moment of the database, and the topics up to it."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from confluent_kafka import Message

from python_app_template.adapters.kafka_admin import Bounds, KafkaAdmin
from python_app_template.adapters.secondary.kafka.cursor_topic import CursorTopic
from python_app_template.adapters.secondary.kafka.reading import pages
from python_app_template.adapters.secondary.postgres.snapshot import CursorMoved, Looking, ReadTables, Snapshot, looking
from python_app_template.audit.delivery import partition_of
from python_app_template.audit.evidence import (
    PENDING,
    CursorMove,
    Cut,
    Evidence,
    Headers,
    Log,
    Outbox,
    Passed,
    Record,
)
from python_app_template.cli.faults import CommandFailed, broker_needed
from python_app_template.cli.reading import ANSWER_SECONDS, topic_logs
from python_app_template.core.delivery.faults import FatalError, Halted, TransientError
from python_app_template.core.delivery.messages import Frame, Partition
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.settings import Settings

LOOK_SECONDS = 0.1
"""How often the relay's cursor is looked at."""

Bounded = Mapping[int, Bounds]


class Gathered(NamedTuple):
    """The evidence, and how much of it is committed and was not published in time."""

    evidence: Evidence
    pending: int


async def gather(settings: Settings, read_tables: ReadTables, wait_seconds: float) -> Gathered:
    """Take the cut, wait until the relay has published what it holds, and read. Raises CommandFailed.

    What was readable before the moment of the cut has to belong to it. What is caused by a message at or beyond the
    cut's positions is younger. What the relay has not published in time is taken out of the outbox.
    """
    async with looking(settings.database, settings.service_name) as database:
        return await _gather(settings, database, read_tables, wait_seconds)


async def _gather(settings: Settings, database: Looking, read_tables: ReadTables, wait_seconds: float) -> Gathered:
    kafka, admin = settings.kafka, KafkaAdmin(settings, ANSWER_SECONDS)
    with broker_needed(settings):
        before = await topic_logs(admin, kafka.output_topic), await topic_logs(admin, kafka.dead_letter_topic)
    with database_needed():
        snapshot = await database.take(kafka.input_topic, read_tables)
    with broker_needed(settings):
        cursor = await _published(settings, admin, snapshot, wait_seconds)
    with database_needed():
        head = await database.last_number()
    with broker_needed(settings):
        messages, message_log = await _read_messages(settings, admin, snapshot)
        events, event_log = await _read(settings, admin, kafka.output_topic)
        dead_letters, dead_letter_log = await _read(settings, admin, kafka.dead_letter_topic)
    late = [frame for row in snapshot.outbox if row.number > (cursor.number if cursor else -1) for frame in row.frames]
    waiting = _waiting(late, {kafka.output_topic: events, kafka.dead_letter_topic: dead_letters})
    reborn = snapshot.reborn  # then offsets mean nothing: neither messages nor their dead letters can be judged
    counts = {kafka.output_topic: len(before[0]), kafka.dead_letter_topic: len(before[1])}
    evidence = Evidence(
        messages=[] if reborn else messages,
        events=[*events, *_records(waiting, kafka.output_topic, counts)],
        dead_letters=[*dead_letters, *_records(waiting, kafka.dead_letter_topic, counts)],
        tables=snapshot.tables,
        cut=Cut(
            snapshot.positions,
            {number: bounds.stable_end for number, bounds in before[0].items()},
            {number: bounds.stable_end for number, bounds in before[1].items()},
            moves=snapshot.moves,
            cursor_moves=[_cursor_move(move, settings, counts) for move in snapshot.cursor_moves],
            purged=snapshot.purged,
            reborn=snapshot.reborn,
            outbox=Outbox(
                (cursor.number, cursor.row_id) if cursor else None,
                head,
                snapshot.started,
                [(row.number, row.row_id) for row in snapshot.outbox],
            ),
        ),
        topic=kafka.input_topic,
        message_log=message_log._replace(starts=dict.fromkeys(message_log.ends, PENDING)) if reborn else message_log,
        event_log=event_log,
        dead_letter_log=dead_letter_log,
    )
    return Gathered(evidence, len(waiting))


async def _published(settings: Settings, admin: KafkaAdmin, snapshot: Snapshot, wait_seconds: float) -> Cursor | None:
    """Return the relay's cursor, once it has passed what the cut holds, or the time is up."""
    if snapshot.transactional_id is None:
        return None
    topic, deadline = CursorTopic(settings, snapshot.transactional_id), time.monotonic() + wait_seconds
    while True:
        bounds = await admin.bounds(topic.partition)
        try:
            cursor = await topic.last(bounds.start, bounds.stable_end)
        except Halted as fault:
            raise CommandFailed(f"the relay's cursor can't be read: {fault}") from fault
        if (cursor is not None and cursor.number >= snapshot.head) or time.monotonic() > deadline:
            return cursor
        await asyncio.sleep(LOOK_SECONDS)


async def _read_messages(settings: Settings, admin: KafkaAdmin, snapshot: Snapshot) -> tuple[list[Record], Log]:
    """Read what the cut has consumed, and no more."""
    topic = settings.kafka.input_topic
    logs = await topic_logs(admin, topic)
    ends = {n: min(bounds.end, snapshot.positions.get(n, 0)) for n, bounds in logs.items()}
    return await _stretch(settings, topic, logs, ends), _log(logs)


async def _read(settings: Settings, admin: KafkaAdmin, topic: str) -> tuple[list[Record], Log]:
    logs = await topic_logs(admin, topic)
    return await _stretch(settings, topic, logs, {n: bounds.end for n, bounds in logs.items()}), _log(logs)


async def _stretch(settings: Settings, topic: str, logs: Bounded, ends: Mapping[int, int]) -> list[Record]:
    async def read(number: int) -> list[Record]:
        stretch = pages(settings, Partition(topic, number), logs[number].start, ends[number])
        return [recorded(message) async for page in stretch for message in page]

    return [record for records in await asyncio.gather(*map(read, logs)) for record in records]


def _log(logs: Bounded) -> Log:
    return Log({n: b.start for n, b in logs.items()}, {n: b.end for n, b in logs.items()}, len(logs))


def recorded(message: Message) -> Record:
    """Take a record out of librdkafka's hands."""
    headers: Any = message.headers() or ()
    place = message.partition() or 0, message.offset() or 0
    return Record(*place, message.key(), message.value(), tuple(headers), message.timestamp()[1])


def _waiting(frames: Sequence[Frame], published: Mapping[str, Sequence[Record]]) -> list[Frame]:
    """Return those of these that are not published yet; the relay may have gone on since its cursor was read."""
    if not frames:
        return []
    there = {(topic, *_content(record)) for topic, records in published.items() for record in records}
    return [frame for frame in frames if (frame.topic, *_content(frame)) not in there]


def _content(record: Record | Frame) -> tuple[bytes | None, bytes | None, Headers]:
    return record.key, record.value, tuple((name, value) for name, value in record.headers)


def _cursor_move(move: CursorMoved, settings: Settings, counts: Mapping[str, int]) -> CursorMove:
    def passed(frames: Sequence[Frame]) -> Passed:
        kafka = settings.kafka
        return Passed(_records(frames, kafka.output_topic, counts), _records(frames, kafka.dead_letter_topic, counts))

    return CursorMove(move.before, move.after, passed(move.skipped), passed(move.again), move.decision)


def _records(frames: Sequence[Frame], topic: str, counts: Mapping[str, int]) -> list[Record]:
    meant = [frame for frame in frames if frame.topic == topic]
    return [
        Record(partition_of(f.key, counts[topic], f.partition or 0), PENDING + n, *_content(f))
        for n, f in enumerate(meant)
    ]


@contextmanager
def database_needed() -> Iterator[None]:
    """Raise CommandFailed for what is wrong with the database."""
    try:
        yield
    except TransientError as fault:
        raise CommandFailed(f"{fault}; start the database, or correct APP_DATABASE__URL") from fault
    except FatalError as fault:
        raise CommandFailed(f"{fault}; run `alembic upgrade head`, or correct APP_DATABASE__URL") from fault
