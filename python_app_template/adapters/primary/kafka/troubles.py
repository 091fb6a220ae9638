"""What librdkafka complains of without giving up: logged, and kept while it keeps us out of the group."""

import logging
from collections import deque

from confluent_kafka import KafkaError

from python_app_template.adapters.kafka_client import LOGGER

OF_MEMBERSHIP = frozenset(
    {
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001 - so librdkafka names its own errors
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - likewise
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.GROUP_MAX_SIZE_REACHED,
        KafkaError.INCONSISTENT_GROUP_PROTOCOL,
        KafkaError.INVALID_SESSION_TIMEOUT,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""While one of these lasts, nothing is assigned or fetched. A broker that is away is none: it comes back unseen."""


class Troubles:
    """Errors as they come. `note` is fit for callbacks: it only notes."""

    def __init__(self) -> None:
        self.current: str | None = None
        self._noted: deque[KafkaError] = deque()

    def note(self, error: KafkaError) -> None:
        """Take in an error."""
        self._noted.append(error)
        if error.code() in OF_MEMBERSHIP:
            self.current = _text(error)

    def over(self) -> None:
        """Say that the membership works."""
        self.current = None

    def log(self) -> None:
        """Log what was noted; the logger lets each through seldom, for librdkafka repeats some with each try."""
        while self._noted:
            LOGGER.log(logging.WARNING, _text(self._noted.popleft()))


def _text(error: KafkaError) -> str:
    return f"{error.name()}: {error.str()}"
