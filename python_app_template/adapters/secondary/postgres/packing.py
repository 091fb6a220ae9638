"""Frames as the bytes of an outbox row: MessagePack, in zlib's format where that is worth it."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from python_app_template.core.delivery.messages import Frame

FAST = 1
"""zlib's level. Events of a batch resemble each other: a tenth is left at the lowest, and not much less at others."""

WORTH_BYTES = 2000
"""PostgreSQL keeps a shorter row in one piece, where it costs little."""

_COMPRESSED = b"\x78"
"""What zlib's format begins with, and no array in MessagePack."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Frame]).decode


class Packed(NamedTuple):
    """The content of a row. `size`: bytes of the frames before they were compressed, which whoever unpacks needs."""

    frames: bytes
    size: int


def pack(frames: Sequence[Frame], most: int) -> list[Packed]:
    """Return the frames as the outbox's rows of at most so many bytes, each of one frame at least."""
    row = _encode(frames)
    if len(row) <= most or len(frames) == 1:
        return [Packed(row if len(row) < WORTH_BYTES else zlib.compress(row, FAST), len(row))]
    middle = len(frames) // 2
    return pack(frames[:middle], most) + pack(frames[middle:], most)


def plain(row: bytes) -> bytes:
    """Return a row's MessagePack."""
    return zlib.decompress(row) if row[:1] == _COMPRESSED else row


def unpack(row: bytes) -> list[Frame]:
    """Return a row's frames."""
    return _decode(plain(row))
