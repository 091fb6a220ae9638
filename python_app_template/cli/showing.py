"""A record as one line of JSON, whatever its bytes are."""

from collections.abc import Sequence
from typing import Any

import msgspec
from confluent_kafka import Message


def value_line(message: Message) -> bytes:
    """Return the value alone."""
    return bytes(json_of(message.value()))


def whole_line(message: Message) -> bytes:
    """Return the record with its place, its time in milliseconds, key and headers."""
    key = message.key()
    return msgspec.json.encode(
        {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "timestamp": message.timestamp()[1],
            "key": None if key is None else text_of(key),
            "headers": headers_of(list(message.headers() or ())),
            "value": msgspec.Raw(json_of(message.value())),
        }
    )


def json_of(value: bytes | None) -> bytes:
    """Return the bytes as they came if they are JSON on one line; otherwise what comes closest."""
    if value is None:
        return b"null"
    try:
        value.decode()
        msgspec.json.decode(value, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return msgspec.json.encode(text_of(value))
    return msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value


def text_of(value: bytes) -> str:
    """Return the text; what is no UTF-8 is escaped."""
    return value.decode(errors="backslashreplace")


def headers_of(headers: Sequence[Any]) -> dict[str, Any]:
    """Return an object; a name that stands several times has a list."""
    found: dict[str, Any] = {}
    for name, raw in headers:
        value = None if raw is None else text_of(raw)
        found[name] = [*_list(found[name]), value] if name in found else value
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
