"""Which of the broker's errors halt the relay: a person has to act, repeating does not help. The rest passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from confluent_kafka import KafkaError

from python_app_template.adapters.kafka_errors import fault
from python_app_template.core.delivery.faults import FatalError, Halted, TransientError


class Refusal(NamedTuple):
    """Why the relay stands still, in one word of the documented list, and what to do."""

    reason: str
    remedy: str


_TOO_LARGE = Refusal("frame_refused", "raise the topic's max.message.bytes (and the broker's replica.fetch.max.bytes)")
_INVALID = Refusal("frame_refused", "see the broker's log for what the topic's settings or policies demand of a record")
_FORBIDDEN = Refusal("not_authorized", "grant WRITE on the topics, and WRITE on the transactional id")

REFUSALS = {
    KafkaError.MSG_SIZE_TOO_LARGE: _TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE: _TOO_LARGE,
    KafkaError.INVALID_RECORD: _INVALID,
    KafkaError.INVALID_MSG: _INVALID,
    KafkaError.INVALID_TIMESTAMP: _INVALID,
    KafkaError.POLICY_VIOLATION: _INVALID,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE: _INVALID,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _FORBIDDEN,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _FORBIDDEN,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: _FORBIDDEN,
    KafkaError.INVALID_TRANSACTION_TIMEOUT: Refusal(
        "transaction_timeout",
        "lower APP_KAFKA__TRANSACTION_TIMEOUT_MS, or raise the broker's transaction.max.timeout.ms",
    ),
}

_FORBIDDEN_CODES = frozenset(KafkaError(code).name() for code, refusal in REFUSALS.items() if refusal is _FORBIDDEN)


@contextmanager
def rights_needed(subject: str) -> Iterator[None]:
    """Raise Halted for a right that is missing where an administrator's question is asked, `subject` being the act."""
    try:
        yield
    except TransientError as fault:
        if fault.code not in _FORBIDDEN_CODES:
            raise
        remedy = _FORBIDDEN.remedy
        raise Halted(
            "relay", _FORBIDDEN.reason, expected=f"the right to {subject}", found=f"{fault}", remedy=remedy
        ) from fault


def relay_fault(error: KafkaError, subject: str) -> TransientError | FatalError | Halted:
    """Map an error to what the relay has to do about it; `subject` is the frame or the act that it befell."""
    refusal = REFUSALS.get(error.code())
    if refusal is None:
        return fault(error)
    return Halted(
        "relay", refusal.reason, expected=f"the broker to take {subject}", found=error.str(), remedy=refusal.remedy
    )
