"""Frames as the bytes of an outbox row: MessagePack, in zlib's format where that is worth it."""

import zlib
from collections.abc import Iterable, Sequence
from itertools import chain, groupby, repeat
from operator import attrgetter
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from python_app_template.core.delivery.messages import Frame, Headers

T = TypeVar("T")

FAST = 1
"""zlib's level. Events of a batch resemble each other: an eighth is left at the lowest, and not much less at others."""

WORTH_BYTES = 2000
"""PostgreSQL keeps a shorter row in one piece, where it costs little."""

_COMPRESSED = b"\x78"
"""What zlib's format begins with, and no array in MessagePack."""


class Run(Struct, array_like=True, gc=False):
    """Frames of one topic in a row, by columns.

    What is the same in all of them stands once: of an event's five headers four are written and read once for a batch.
    """

    topic: str
    length: int
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    types: Sequence[str]
    partitions: Sequence[int | None]
    headers: Sequence[Headers]
    """Where `aligned` a column for each place among the headers, else the headers of one frame after another's."""
    aligned: bool

    @property
    def spared(self) -> int:
        """How many bytes more there are once each frame has its headers again."""
        once = (column[0] for column in self.headers if len(column) == 1) if self.aligned else ()
        return (self.length - 1) * sum(len(name) + len(value or b"") for name, value in once)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Run]).decode


class Packed(NamedTuple):
    """The content of a row. `size`: bytes of the frames, each with all its headers, which whoever unpacks needs."""

    frames: bytes
    size: int


def pack(frames: Sequence[Frame], most: int) -> list[Packed]:
    """Return the frames as the outbox's rows of at most so many bytes, each of one frame at least."""
    runs = [_run(topic, list(some)) for topic, some in groupby(frames, attrgetter("topic"))]
    row = _encode(runs)
    size = len(row) + sum(run.spared for run in runs)
    if size <= most or len(frames) == 1:
        return [Packed(row if len(row) < WORTH_BYTES else zlib.compress(row, FAST), size)]
    middle = len(frames) // 2
    return pack(frames[:middle], most) + pack(frames[middle:], most)


def plain(row: bytes) -> bytes:
    """Return a row's MessagePack."""
    return zlib.decompress(row) if row[:1] == _COMPRESSED else row


def unpack(row: bytes) -> list[Frame]:
    """Return a row's frames."""
    return list(chain.from_iterable(map(_frames, _decode(plain(row)))))


def _run(topic: str, frames: Sequence[Frame]) -> Run:
    _, keys, values, headers, types, partitions = zip(*frames, strict=True)
    aligned = any(headers) and len(set(map(len, headers))) == 1
    columns = list(map(_once, zip(*headers, strict=True))) if aligned else headers
    return Run(topic, len(frames), keys, values, _once(types), _once(partitions), columns, aligned)


def _frames(run: Run) -> Iterable[Frame]:
    headers: Iterable[Headers] = run.headers
    if run.aligned:
        headers = map(list, zip(*(_each(column, run.length) for column in run.headers), strict=True))
    types, partitions = _each(run.types, run.length), _each(run.partitions, run.length)
    return map(Frame, repeat(run.topic), run.keys, run.values, headers, types, partitions)


def _once(column: Sequence[T]) -> Sequence[T]:
    return column[:1] if column.count(column[0]) == len(column) else column


def _each(column: Sequence[T], length: int) -> Iterable[T]:
    return repeat(column[0], length) if len(column) == 1 else column
