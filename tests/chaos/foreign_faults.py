"""What others do to the topics: transactions left for a while and then ended either way, and a relay's own id used."""

import random
import threading
from typing import Any

from confluent_kafka import Producer

from python_app_template.settings import Settings
from tests.broker import SILENT, Broker
from tests.chaos.schedule import Fault
from tests.sql import run_sql
from tests.streams import stream

MESSAGES = 10
CALL_SECONDS = 5.0
PROPERTIES: dict[str, Any] = {
    "partitioner": "murmur2_random",
    # What is never ended would hold up who reads what is committed.
    "transaction.timeout.ms": 5000,
    "message.timeout.ms": 4000,
}


class ForeignFaults:
    """Raises KafkaException while the broker is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._broker = Broker(settings.kafka.bootstrap_servers)

    def transaction_aborted(self, fault: Fault) -> int:
        """Records that must never be applied."""
        self._transaction(fault).abort_transaction(CALL_SECONDS)
        return 1

    def transaction_committed(self, fault: Fault) -> int:
        """Records that count, behind which a marker takes an offset."""
        self._transaction(fault).commit_transaction(CALL_SECONDS)
        return 1

    def relay_fenced(self, _: Fault) -> int:
        """Somebody else has the relay's id for a moment."""
        url = self._settings.database.url.get_secret_value()
        kept = run_sql(url, "SELECT transactional_id FROM outbox_head")
        if kept is None:
            return 0
        own = {"transactional.id": kept}
        Producer(self._broker.properties | own, logger=SILENT).init_transactions(CALL_SECONDS)
        return 1

    def _transaction(self, fault: Fault) -> Producer:
        producer = self._broker.begin(None, **PROPERTIES)
        for value, key, _ in stream(random.Random(fault.draw), MESSAGES):
            producer.produce(self._settings.kafka.input_topic, value, key)
        producer.flush(CALL_SECONDS)
        threading.Event().wait(fault.seconds)
        return producer
