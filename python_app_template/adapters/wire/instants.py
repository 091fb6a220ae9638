"""Instants as RFC 3339 writes them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|(60))(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_REFUSED: Final = "Expected an RFC 3339 date-time with its offset - at `$.placed_at`"


def parse_instant(text: str) -> datetime:
    """Return the instant in UTC, cut to microseconds.

    A leap second (RFC 3339, 5.7: the last of June or December in UTC) is the second after it, as in POSIX time.
    Raise ValueError for what is none, or lies outside of the years 1 to 9999.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(_REFUSED)
    try:
        if match[1]:
            return _second_after(datetime.fromisoformat(f"{text[:17]}59{text[19:]}".upper()).astimezone(UTC))
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(_REFUSED) from error


def _second_after(instant: datetime) -> datetime:
    following = instant + timedelta(seconds=1)
    if (following.month, following.day, following.hour, following.minute) not in ((1, 1, 0, 0), (7, 1, 0, 0)):
        raise ValueError(_REFUSED)
    return following
