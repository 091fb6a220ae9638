"""How a dead letter looks as a record: the message as received, and why it could not be applied, in headers."""

import re
from collections.abc import Mapping

from python_app_template.core.delivery.messages import DeadLetter, Frame, Partition, Record
from python_app_template.core.delivery.returning import Letter, Origin, Place

PREFIX = "dlq."
ATTEMPTS = "dlq.attempts"
TRUNCATED = "dlq.truncated"
RETURNED_FROM = "dlq.returned-from"
"""Of a message that was returned: topic, partition and offset of the dead letter that it was."""

NUMBER = re.compile(rb"-?[0-9]{1,18}")
MANY = 10**18
"""What a count of returns is taken for that has more digits than anything counts."""

DETAIL_BYTES = 1024
"""The longest `dlq.detail`, in bytes of UTF-8."""


def bury(letter: DeadLetter, topic: str, service: str) -> Frame:
    """Return the record for the dead-letter topic: key, value and headers as received, and the reason.

    Headers of ours that the message came with are replaced, but for the count of its returns. Without a key the
    partition follows from the origin's.
    """
    record, why = letter.record, letter.why
    origin = record.partition
    headers = [
        *((name, value) for name, value in record.headers if not name.startswith(PREFIX)),
        ("dlq.reason", why.reason.encode()),
        ("dlq.detail", one_line(why.detail).encode()),
        ("dlq.topic", origin.topic.encode()),
        ("dlq.partition", b"%d" % origin.number),
        ("dlq.offset", b"%d" % record.offset),
        ("dlq.timestamp", b"%d" % record.timestamp),
        ("dlq.service", service.encode()),
        *((name, value) for name, value in record.headers if name == ATTEMPTS and value and value.isdigit()),
    ]
    return Frame(topic, record.key, record.value, headers, type="", partition=origin.number)


def read(record: Record) -> Letter:
    """Return what a record of the dead-letter topic says; one that `bury` never made has no origin."""
    said = {name: value or b"" for name, value in record.headers if name.startswith(PREFIX)}
    return Letter(
        place=Place(record.partition.number, record.offset),
        written_at=record.timestamp,
        key=record.key,
        value=record.value,
        headers=[(name, value) for name, value in record.headers if not name.startswith(PREFIX)],
        origin=_origin(said),
        reason=_text(said, "dlq.reason"),
        detail=_text(said, "dlq.detail"),
        attempts=_attempts(said.get(ATTEMPTS, b"")),
        truncated=_number(said, TRUNCATED),
        service=_text(said, "dlq.service"),
    )


def unbury(letter: Letter, topic: str, dead_letter_topic: str) -> Frame:
    """Return the message that it was, for the input topic: counted once more, and with where it came from.

    Without a key it goes to the partition that it came from.
    """
    place, number = letter.place, letter.origin.partition.number if letter.origin else None
    headers = [
        *letter.headers,
        (ATTEMPTS, b"%d" % (letter.attempts + 1)),
        (RETURNED_FROM, f"{dead_letter_topic}/{place.partition}/{place.offset}".encode()),
    ]
    return Frame(topic, letter.key, letter.value, headers, type="", partition=number)


def truncated(frame: Frame) -> Frame:
    """Return the same without its value, and how many bytes that had."""
    size = len(frame.value or b"")
    return frame._replace(value=b"", headers=[*frame.headers, (TRUNCATED, b"%d" % size)])


def size(frame: Frame) -> int:
    """Return how many bytes the broker will count, at the most (100 for the record, 10 for each header)."""
    headers = sum(len(name.encode()) + len(value or b"") + 10 for name, value in frame.headers)
    return len(frame.key or b"") + len(frame.value or b"") + headers + 100


def one_line(detail: str) -> str:
    """Return the text without line ends and control characters, and not longer than allowed."""
    line = "".join(c if c.isprintable() else " " for c in detail)
    return line.encode("utf-8", "replace")[:DETAIL_BYTES].decode("utf-8", "ignore")


def _origin(said: Mapping[str, bytes]) -> Origin | None:
    topic, partition, offset = _text(said, "dlq.topic"), _number(said, "dlq.partition"), _number(said, "dlq.offset")
    timestamp = _number(said, "dlq.timestamp")
    if not topic or partition is None or offset is None or timestamp is None:
        return None
    return Origin(Partition(topic, partition), offset, timestamp)


def _attempts(said: bytes) -> int:
    if not said.isdigit():
        return 0
    return int(said) if NUMBER.fullmatch(said) else MANY


def _number(said: Mapping[str, bytes], name: str) -> int | None:
    value = said.get(name, b"")
    return int(value) if NUMBER.fullmatch(value) else None


def _text(said: Mapping[str, bytes], name: str) -> str:
    return said.get(name, b"").decode(errors="backslashreplace")
