"""The entrypoint: orders from Kafka to the bus, a command a line; events back to Kafka.

A transaction that met another's change of the same product is tried again, as the book advises (its chapters 7 and 10).
"""

import json
import signal
import threading
from dataclasses import asdict
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaException, Message, Producer
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import sessionmaker
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from tests.benchmark.peers.book.message_bus import MessageBus, bootstrap
from tests.benchmark.peers.book.messages import Allocate, Event
from tests.benchmark.peers.book.orm import start_mappers
from tests.benchmark.peers.book.unit_of_work import UnitOfWork
from tests.benchmark.peers.settings import Settings

settings = Settings()
producer = Producer({"bootstrap.servers": settings.kafka})
stopping = threading.Event()


def main() -> None:
    """Consume until asked to stop."""
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    start_mappers()
    url = make_url(settings.database).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="REPEATABLE READ")
    bus = bootstrap(UnitOfWork(sessionmaker(engine)), publish)
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka,
            "group.id": settings.group,
            "auto.offset.reset": "earliest",
            "enable.auto.offset.store": False,
        }
    )
    consumer.subscribe([settings.input_topic])
    while not stopping.is_set():
        messages = consumer.consume(settings.batch, 0.02)
        for message in messages:
            place(message, bus)
        producer.flush()
        for message in messages:
            consumer.store_offsets(message)
    consumer.close()


def place(message: Message, bus: MessageBus) -> None:
    """Handle an order's lines, one command after the other."""
    if message.error():
        raise KafkaException(message.error())
    order = json.loads(message.value() or b"")
    for number, line in enumerate(order["lines"]):
        handle(bus, Allocate(order["order_id"], number, line["sku"], line["qty"]))


@retry(
    retry=retry_if_exception_type(OperationalError),
    stop=stop_after_attempt(10),
    wait=wait_random_exponential(multiplier=0.01, max=1),
    reraise=True,
)
def handle(bus: MessageBus, command: Allocate) -> None:
    """Handle a command; again, when another transaction was quicker."""
    bus.handle(command)


def publish(kind: str, event: Event) -> None:
    """Send an event on its way; alone, its acknowledgement is waited for."""
    body = asdict(event)
    body |= {"type": kind, "order_id": body.pop("orderid"), "batch_ref": body.pop("batchref", None)}
    body |= {"occurred_at": datetime.now(UTC).isoformat(), "eta": body.get("eta") and body["eta"].isoformat()}
    producer.produce(settings.output_topic, json.dumps(body), body["sku"])
    if not settings.gather:
        producer.flush()


if __name__ == "__main__":
    main()
