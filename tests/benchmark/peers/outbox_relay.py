"""Publishes the outbox exactly once: events and cursor in one Kafka transaction, as confluent_kafka's example has it.

The cursor is a group's offsets on the input topic: for each partition the id of the outbox row that comes next.
`init_transactions()` shuts out a former relay before the cursor is read. Rows behind it are deleted.
"""

import signal
import threading
from collections.abc import Sequence

from confluent_kafka import Consumer, Producer, TopicPartition
from sqlalchemy import create_engine, delete, make_url, select
from sqlalchemy.orm import sessionmaker

from tests.benchmark.peers.outbox import OutboxRow
from tests.benchmark.peers.settings import Settings

PAGE = 1000
PAUSE_SECONDS = 0.05
TIMEOUT_SECONDS = 30

settings = Settings()
relay = f"{settings.group}-relay"
sessions = sessionmaker(create_engine(make_url(settings.database).set(drivername="postgresql+psycopg")))
producer = Producer({"bootstrap.servers": settings.kafka, "transactional.id": relay})
cursor = Consumer({"bootstrap.servers": settings.kafka, "group.id": relay, "isolation.level": "read_committed"})
stopping = threading.Event()


def main() -> None:
    """Publish page after page until asked to stop."""
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    producer.init_transactions(TIMEOUT_SECONDS)
    forget_published()
    while not stopping.is_set():
        if relay_page() < PAGE:
            stopping.wait(PAUSE_SECONDS)
    cursor.close()


def forget_published() -> None:
    """Delete what was published by a relay that died before it could delete it."""
    partitions = cursor.list_topics(settings.input_topic, TIMEOUT_SECONDS).topics[settings.input_topic].partitions
    wanted = [TopicPartition(settings.input_topic, number) for number in partitions]
    with sessions.begin() as session:
        for at in cursor.committed(wanted, TIMEOUT_SECONDS):
            session.execute(delete(OutboxRow).where(OutboxRow.partition == at.partition, OutboxRow.id < at.offset))


def relay_page() -> int:
    """Publish the oldest rows and delete them; return how many there were."""
    with sessions.begin() as session:
        rows = session.scalars(select(OutboxRow).order_by(OutboxRow.id).limit(PAGE)).all()
        if rows:
            publish(rows)
            session.execute(delete(OutboxRow).where(OutboxRow.id.in_([row.id for row in rows])))
    return len(rows)


def publish(rows: Sequence[OutboxRow]) -> None:
    """Events and cursor, or nothing. What cannot be undone ends the process; whoever starts it again goes on."""
    producer.begin_transaction()
    for row in rows:
        producer.produce(settings.output_topic, row.payload, row.key)
    after = {row.partition: row.id + 1 for row in rows}
    offsets = [TopicPartition(settings.input_topic, partition, number) for partition, number in after.items()]
    producer.send_offsets_to_transaction(offsets, cursor.consumer_group_metadata(), TIMEOUT_SECONDS)
    producer.commit_transaction(TIMEOUT_SECONDS)


if __name__ == "__main__":
    main()
