"""A record as one line of JSON, whatever its bytes are."""

from collections.abc import Sequence
from typing import Any

import msgspec
from confluent_kafka import Message


def value_line(message: Message) -> bytes:
    """Return the value alone."""
    return bytes(_json(message.value()))


def whole_line(message: Message) -> bytes:
    """Return the record with its place, its time in milliseconds, key and headers."""
    key = message.key()
    return msgspec.json.encode(
        {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "timestamp": message.timestamp()[1],
            "key": None if key is None else _text(key),
            "headers": _headers(list(message.headers() or ())),
            "value": msgspec.Raw(_json(message.value())),
        }
    )


def _json(value: bytes | None) -> bytes:
    """Return the bytes as they came if they are JSON on one line; otherwise what comes closest."""
    if value is None:
        return b"null"
    try:
        value.decode()
        msgspec.json.decode(value, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return msgspec.json.encode(_text(value))
    return msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")


def _headers(headers: Sequence[Any]) -> dict[str, Any]:
    """Return an object; a name that stands several times has a list."""
    found: dict[str, Any] = {}
    for name, raw in headers:
        value = None if raw is None else _text(raw)
        found[name] = [*_list(found[name]), value] if name in found else value
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
