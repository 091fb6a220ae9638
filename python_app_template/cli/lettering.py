"""A dead letter as a row, as a line of JSON, and as a page for a person."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from python_app_template.cli.showing import headers_of, json_of, text_of
from python_app_template.core.delivery.returning import Letter

COLUMNS = ("Place", "Reason", "Origin", "Written", "Key", "Attempts")
HEX_BYTES = 16


def row(letter: Letter, **more: Any) -> dict[str, Any]:
    """Return what a program is told of it, without its headers and value."""
    origin = letter.origin
    return {
        "partition": letter.place.partition,
        "offset": letter.place.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "origin": None
        if origin is None
        else {"topic": origin.partition.topic, "partition": origin.partition.number, "offset": origin.offset},
        "written_at": instant(letter.written_at),
        "received_at": None if origin is None else instant(origin.timestamp),
        "key": None if letter.key is None else text_of(letter.key),
        "attempts": letter.attempts,
        "truncated": letter.truncated,
        **more,
    }


def cells(letter: Letter) -> Sequence[str]:
    """Return the same for a table."""
    origin = letter.origin
    return (
        str(letter.place),
        letter.reason or "-",
        "-" if origin is None else f"{origin.partition.number}:{origin.offset}",
        instant(letter.written_at) or "-",
        "-" if letter.key is None else text_of(letter.key),
        str(letter.attempts),
    )


def whole(letter: Letter, **more: Any) -> dict[str, Any]:
    """Return all of it: the value is JSON if it is, else text, and null if there is none."""
    value = msgspec.Raw(json_of(letter.value))
    return {**row(letter, **more, service=letter.service), "headers": headers_of(letter.headers), "value": value}


def page(letter: Letter, topic: str, *, returned: bool) -> Iterator[str]:
    """Yield the lines that a person reads."""
    origin = letter.origin
    yield f"{topic} {letter.place}"
    told = [
        ("reason", letter.reason),
        ("detail", letter.detail),
        ("origin", origin and f"{origin.partition.topic} {origin.partition.number}:{origin.offset}"),
        ("received", origin and instant(origin.timestamp)),
        ("written", instant(letter.written_at)),
        ("service", letter.service),
        ("attempts", f"{letter.attempts}{', and this one was returned too' if returned else ''}"),
        ("key", None if letter.key is None else text_of(letter.key)),
        *((f"header {name}", None if value is None else text_of(value)) for name, value in letter.headers),
    ]
    width = max(len(name) for name, _ in told)
    for name, value in told:
        yield f"  {name:<{width}}  {'-' if value is None else value}"
    yield from _value(letter)


def instant(milliseconds: int) -> str | None:
    """Return it as RFC 3339 has it; None: there is none, or no calendar has it."""
    try:
        found = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z") if milliseconds >= 0 else None


def _value(letter: Letter) -> Iterator[str]:
    value = letter.value
    if value is None:
        yield "no value"
    elif letter.truncated is not None and not value:
        yield f"the value, {letter.truncated:,} bytes, is not kept"
    else:
        yield f"value, {len(value):,} bytes"
        yield from _readable(value)


def _readable(value: bytes) -> Iterator[str]:
    """Yield JSON with indents, other text as it is but for control characters, anything else in hex."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        yield from _hex(value)
        return
    try:
        msgspec.json.decode(value, type=msgspec.Raw)
        yield from msgspec.json.format(value, indent=2).decode().splitlines()
    except (ValueError, RecursionError):
        yield "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _hex(value: bytes) -> Iterator[str]:
    for start in range(0, len(value), HEX_BYTES):
        piece = value[start : start + HEX_BYTES]
        text = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in piece)  # noqa: PLR2004 - printable ASCII
        yield f"{start:08x}  {piece.hex(' '):<{3 * HEX_BYTES}} {text}"
