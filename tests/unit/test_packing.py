"""Frames as the bytes of an outbox row."""

import zlib

import msgspec

from python_app_template.adapters.secondary.postgres.packing import WORTH_BYTES, Packed, pack, plain, unpack
from python_app_template.core.delivery.messages import Frame

FRAME = Frame("t", b"k", None, [("name", b"value"), ("null", None)], "type", 2)
MOST = 2**20


def test_a_short_row_is_plain_messagepack() -> None:
    [row] = pack([FRAME], MOST)
    assert row == Packed(plain(row.frames), len(row.frames))
    assert msgspec.msgpack.decode(row.frames)[0][:4] == ["t", 1, [b"k"], [None]]
    assert shown(unpack(row.frames)) == [("t", b"k", None, [("name", b"value"), ("null", None)], "type", 2)]


def test_a_long_row_is_messagepack_in_zlibs_format_and_says_how_long_it_was() -> None:
    frames = [FRAME._replace(key=b"%d" % n) for n in range(WORTH_BYTES)]
    [row] = pack(frames, MOST)
    assert plain(row.frames) == zlib.decompress(row.frames)
    assert len(row.frames) < len(plain(row.frames)) < row.size
    assert shown(unpack(row.frames)) == shown(frames)


def test_what_all_frames_of_a_topic_have_in_common_stands_once() -> None:
    frames = [FRAME._replace(headers=[("same", b"s"), ("own", b"%d" % n)]) for n in range(9)]
    others = [FRAME._replace(topic="u", headers=())]
    [row] = pack([*frames, *others], MOST)
    assert (row.frames.count(b"same"), row.frames.count(b"own")) == (1, 9)
    assert row.size == len(row.frames) + 8 * len(b"sames")  # as long as it is with all its headers
    assert shown(unpack(row.frames)) == shown([*frames, *others])


def test_rows_are_bounded_before_they_are_compressed_and_have_a_frame_at_least() -> None:
    frames = [FRAME._replace(value=bytes(3000), key=b"%d" % n) for n in range(8)]
    assert [len(unpack(row.frames)) for row in pack(frames, 7000)] == [2, 2, 2, 2]
    assert [len(unpack(row.frames)) for row in pack(frames[:2], 1)] == [1, 1]
    assert shown([frame for row in pack(frames, 7000) for frame in unpack(row.frames)]) == shown(frames)


def shown(frames: list[Frame]) -> list[tuple[object, ...]]:
    return [(f.topic, f.key, f.value, list(f.headers), f.type, f.partition) for f in frames]
