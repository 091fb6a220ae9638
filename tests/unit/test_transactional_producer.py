"""What a transactional producer does between two transactions, with librdkafka's calls noted instead of made."""

import time
from typing import Any

from python_app_template.adapters.secondary.kafka.errors import relay_fault
from python_app_template.adapters.secondary.kafka.transactions import SETTLING_SECONDS, TransactionalProducer
from python_app_template.settings import Settings


class Noted:
    """Notes when it was told to begin and to commit, in monotonic seconds."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.committed: list[float] = []

    def begin_transaction(self) -> None:
        self.began.append(time.monotonic())

    def commit_transaction(self, _seconds: float) -> None:
        self.committed.append(time.monotonic())


def test_a_transaction_begins_only_when_the_broker_can_be_done_with_the_last() -> None:
    """Sooner, librdkafka would be refused the partitions, and ask again after 20 ms."""
    told = Noted()
    made: Any = lambda _properties: told  # noqa: E731 - of another kind
    producer = TransactionalProducer(Settings(), "id", relay_fault, new_producer=made)
    for _ in range(3):
        producer.begin()
        producer.commit()
    pauses = [began - committed for began, committed in zip(told.began[1:], told.committed, strict=False)]
    assert len(pauses) == 2
    assert min(pauses) >= SETTLING_SECONDS
