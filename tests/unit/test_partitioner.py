"""A key's partition is the one that Kafka's own clients choose."""

import pytest

from python_app_template.adapters.secondary.kafka.partitioner import REMEMBERED_BYTES, murmur2, partition_of
from python_app_template.core.delivery.messages import Frame

VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""Of org.apache.kafka.common.utils.UtilsTest, signed as Java has them."""

LIBRDKAFKA = {b"kafka": 0xD067CF64, b"giberish123456789": 0x8F552B0C, b"1234": 0x9FC97B14, b"": 0x106E08D9}
"""Of librdkafka's rdmurmur2.c."""


def frame(key: bytes | None, partition: int | None = None) -> Frame:
    return Frame("allocations", key, b"", (), partition=partition)


@pytest.mark.parametrize(("key", "expected"), VECTORS.items())
def test_the_hash_is_javas(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected % 2**32


@pytest.mark.parametrize(("key", "expected"), LIBRDKAFKA.items())
def test_the_hash_is_librdkafkas(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected


def test_the_sign_is_dropped_before_the_count_divides() -> None:
    assert partition_of(frame(b"21"), 1000) == (-973932308 & 0x7FFFFFFF) % 1000


def test_long_keys_are_hashed_alike() -> None:
    key = b"x" * (REMEMBERED_BYTES + 1)
    assert partition_of(frame(key), 7) == (murmur2(key) & 0x7FFFFFFF) % 7


@pytest.mark.parametrize(("own", "expected"), [(None, 0), (2, 2), (7, 1)])
def test_without_a_key_the_frames_own_number_counts(own: int | None, expected: int) -> None:
    assert partition_of(frame(None, own), 3) == expected


def test_a_key_goes_before_the_frames_own_number() -> None:
    assert partition_of(frame(b"abc", 0), 1000) == partition_of(frame(b"abc"), 1000) != 0
