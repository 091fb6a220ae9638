"""UUIDs of version 7: made anywhere, and in the order of time (RFC 9562, 5.7)."""

import secrets
from datetime import datetime
from uuid import UUID


def uuid7(now: datetime) -> UUID:
    """Return one: 48 bits of milliseconds since 1970, the version, 12 random bits, the variant, 62 random bits."""
    random = secrets.randbits(74)
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    return UUID(int=milliseconds << 80 | 7 << 76 | random >> 62 << 64 | 0b10 << 62 | random & (1 << 62) - 1)
