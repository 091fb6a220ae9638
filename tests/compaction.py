"""A log with the gaps that the broker's log cleaner leaves, made in a topic that keeps everything otherwise."""

from collections.abc import Iterable, Mapping

from tests.clients import Headers, World
from tests.processes import wait_until

COMPACTING = {"cleanup.policy": "compact", "segment.ms": "50", "min.cleanable.dirty.ratio": "0"}
KEEPING = {"cleanup.policy": "delete", "segment.ms": "604800000", "min.cleanable.dirty.ratio": "0.5"}
CLEANER_SECONDS = 60.0
"""A broker looks for work every 15 s, unless it is told otherwise."""

NUDGE = b'{"type":"nudge"}'
"""Sent until the segment before it is closed: the open one is never compacted."""


def compact(world: World, records: Iterable[tuple[bytes, bytes, Headers]], partitions: Iterable[int]) -> int:
    """Send to each of the partitions, and let all be taken that have a later one of the same key; how many went.

    The topic is compacted for the while alone: nobody may need what stood there before.
    """
    topic, sent, expected = world.kafka.input_topic, list(records), [*partitions]
    configure(world, COMPACTING)
    first = {p: world.send_records(sent, p)[0].offset for p in expected}
    latest = {key for _, key, _ in sent}

    def left() -> int:
        there = [record for record in world.read_to_end(topic) if record.partition in first and record.key in latest]
        return sum(record.offset >= first[record.partition] for record in there)

    def gone() -> bool:
        for p in expected:
            world.send_raw(NUDGE, b"nudge", p)
        return left() == len(latest) * len(expected)

    wait_until(gone, CLEANER_SECONDS, lambda: f"{left()} left of {len(sent)} in each of {expected}")
    configure(world, KEEPING)
    return (len(sent) - len(latest)) * len(expected)


def configure(world: World, properties: Mapping[str, str]) -> None:
    """Set them one by one."""
    for name, value in properties.items():
        world.set_property(world.kafka.input_topic, name, value)
