"""What librdkafka complains of without giving up: logged now and then, and kept while it keeps us out of the group."""

import logging
from collections import deque

from confluent_kafka import KafkaError

from python_app_template.adapters.kafka_client import LOGGER

AGAIN_SECONDS = 60.0
"""Between two logs of the same error: librdkafka repeats some with each try."""

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
        self._logged_at: dict[int, float] = {}

    def note(self, error: KafkaError) -> None:
        """Take in an error."""
        self._noted.append(error)
        if error.code() in OF_MEMBERSHIP:
            self.current = _text(error)

    def over(self) -> None:
        """Say that the membership works."""
        self.current = None

    def log(self, now: float) -> None:
        """Log what was noted, each kind of error once in a while; `now` is in monotonic seconds."""
        while self._noted:
            error = self._noted.popleft()
            if now - self._logged_at.get(error.code(), -AGAIN_SECONDS) >= AGAIN_SECONDS:
                self._logged_at[error.code()] = now
                LOGGER.log(logging.WARNING, _text(error))


def _text(error: KafkaError) -> str:
    return f"{error.name()}: {error.str()}"
