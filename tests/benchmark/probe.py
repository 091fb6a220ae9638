"""Asks a running service whether it is at work: an order in each partition, and how long until its event is visible."""

import json
import threading
import time
import uuid
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, Producer, TopicPartition

from python_app_template.settings import Settings
from tests.broker import SILENT

PARTITIONS = 3
LIMIT_SECONDS = 180.0


class Probe:
    """Reads all events from its beginning on; entered once."""

    def __init__(self, settings: Settings) -> None:
        servers = {"bootstrap.servers": settings.kafka.bootstrap_servers}
        self._topic = settings.kafka.input_topic
        self._producer = Producer(servers | {"linger.ms": 0}, logger=SILENT)
        own = {"group.id": f"probe-{uuid.uuid4()}", "isolation.level": "read_committed", "fetch.wait.max.ms": 10}
        self._consumer = Consumer(servers | own | {"enable.auto.commit": False}, logger=SILENT)
        starts = [TopicPartition(settings.kafka.output_topic, number) for number in range(PARTITIONS)]
        for start in starts:
            start.offset = self._consumer.get_watermark_offsets(start, 30)[1]
        self._consumer.assign(starts)
        self._seen: dict[str, float] = {}
        self._news = threading.Condition()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def ask(self) -> list[str]:
        """Send an order to each partition; return their ids."""
        ids = [f"probe-{uuid.uuid4()}" for _ in range(PARTITIONS)]
        for number, order_id in enumerate(ids):
            body = {"type": "order.placed", "order_id": order_id, "lines": [{"sku": "PROBE", "qty": 1}]}
            self._producer.produce(self._topic, json.dumps(body), order_id, number)
        self._producer.poll(0)
        return ids

    def answered(self, ids: list[str]) -> float:
        """Wait until the events of all these orders are visible; return when the last was, as time.monotonic()."""
        until = time.monotonic() + LIMIT_SECONDS
        with self._news:
            while not self._seen.keys() >= {*ids}:
                assert self._news.wait(until - time.monotonic()), "nothing came"
        return max(self._seen[order_id] for order_id in ids)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._consumer.close()
        self._producer.flush(10)

    def _read(self) -> None:
        while not self._ended.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error():
                continue
            order_id = json.loads(message.value() or b"{}").get("order_id")
            with self._news:
                self._seen[order_id] = time.monotonic()
                self._news.notify_all()
