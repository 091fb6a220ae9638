"""How a dead letter looks as a record: the message as received, and why it could not be applied, in headers."""

from python_app_template.core.delivery.messages import DeadLetter, Frame

PREFIX = "dlq."
ATTEMPTS = "dlq.attempts"
TRUNCATED = "dlq.truncated"
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
