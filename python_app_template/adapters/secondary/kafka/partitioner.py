"""Kafka's own choice of a partition: murmur2 of the key, as the Java client and librdkafka's murmur2 do it."""

import struct
from functools import lru_cache

from python_app_template.core.delivery.messages import Frame

SEED, MULTIPLIER, SHIFT = 0x9747B28C, 0x5BD1E995, 24
WORD = 0xFFFFFFFF
REMEMBERED_BYTES = 256
"""Longer keys are hashed each time: what is remembered has to stay small."""


def partition_of(frame: Frame, count: int) -> int:
    """Return the number of the frame's partition among `count`: of its key, else its own number, else 0."""
    key = frame.key
    if key is None:
        return (frame.partition or 0) % count
    hashed = _remembered(key) if len(key) <= REMEMBERED_BYTES else murmur2(key)
    return (hashed & 0x7FFFFFFF) % count


def murmur2(data: bytes) -> int:
    """Return the 32-bit hash of org.apache.kafka.common.utils.Utils.murmur2, unsigned."""
    words = len(data) // 4
    h = SEED ^ len(data)
    for k in struct.unpack_from(f"<{words}I", data):
        h = (h * MULTIPLIER & WORD) ^ _mixed(k)
    if tail := data[words * 4 :]:
        h = (h ^ int.from_bytes(tail, "little")) * MULTIPLIER & WORD
    h = (h ^ h >> 13) * MULTIPLIER & WORD
    return h ^ h >> 15


def _mixed(k: int) -> int:
    k = k * MULTIPLIER & WORD
    return (k ^ k >> SHIFT) * MULTIPLIER & WORD


_remembered = lru_cache(maxsize=65_536)(murmur2)
