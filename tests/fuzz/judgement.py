"""Decode, validate, dead letter: what comes of a record, held against the contract written again."""

from python_app_template.adapters.dead_letters import ATTEMPTS, DETAIL_BYTES, PREFIX, bury, size, truncated
from python_app_template.adapters.wire.messages import decode, decode_carefully
from python_app_template.audit.messages import DeadLetterError, check, known_type, parse
from python_app_template.core.delivery.messages import DeadLetter, Record, Refused

TOPIC, SERVICE = "raw-push.dlq", "python-app-template/1"
NUMBERS = ("dlq.partition", "dlq.offset", "dlq.timestamp")


def expected(value: bytes | None) -> tuple[str, str | None]:
    """The type that the contract sees in a value, and the reason for which it is refused."""
    name = "other"
    try:
        parsed = parse(value)
        name = known_type(parsed)
        check(parsed)
    except DeadLetterError as error:
        return name, str(error)
    return name, None


def judge(record: Record) -> str | None:
    """Return the reason for which the record is refused, None if it is a command. Raises AssertionError."""
    message = decode(record)
    reason = message.content.reason if isinstance(message.content, Refused) else None
    assert (message.type, reason) == expected(record.value), record
    if record.value is not None:
        assert message == decode_carefully(record, record.value), record
    if isinstance(message.content, Refused):
        _examine(DeadLetter(record, message.content))
    return reason


def _examine(letter: DeadLetter) -> None:
    """A dead letter is what came, and says why."""
    record, frame = letter.record, bury(letter, TOPIC, SERVICE)
    assert (frame.topic, frame.key, frame.value) == (TOPIC, record.key, record.value), record
    kept = [pair for pair in record.headers if not pair[0].startswith(PREFIX)]
    assert list(frame.headers[: len(kept)]) == kept, record
    ours = [(name, value or b"") for name, value in frame.headers[len(kept) :]]
    said = dict(ours)
    expected_names = ["reason", "detail", "topic", "partition", "offset", "timestamp", "service"]
    assert [name for name, _ in ours if name != ATTEMPTS] == [PREFIX + name for name in expected_names], record
    assert said["dlq.reason"].decode() == letter.why.reason
    detail = said["dlq.detail"].decode()
    assert detail, record
    assert detail.isprintable(), record
    assert len(said["dlq.detail"]) <= DETAIL_BYTES, record
    assert [int(said[name]) for name in NUMBERS] == [record.partition.number, record.offset, record.timestamp]
    assert size(truncated(frame)) < size(frame) + 64
