"""The four topics against the settings: compared for relay and preflight, shown and made for the command line."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from python_app_template.adapters.kafka_admin import KafkaAdmin, Topic
from python_app_template.core.delivery.faults import Halted
from python_app_template.settings import Settings

CREATE = "create it with `python-app-template topics create`"
COUNT = "set the number in the settings to the topic's, or empty and remake the topic: a key's partition depends on it"

HEADROOM = 65_536
"""What the dead-letter topic takes beyond the input topic: the reason travels in headers."""


class TopicStanding(NamedTuple):
    """A topic as the settings want it, and as the broker has it (None: there is none)."""

    name: str
    partitions: int
    found: Topic | None


def partition_counts(settings: Settings) -> dict[str, int]:
    """Return all four topics, each with the partitions that it has to have."""
    kafka = settings.kafka
    return {kafka.input_topic: kafka.input_partitions, **written_counts(settings)}


def written_counts(settings: Settings) -> dict[str, int]:
    """Return the topics that the relay writes to, each with the partitions that it has to have."""
    kafka = settings.kafka
    return {
        kafka.output_topic: kafka.output_partitions,
        kafka.dead_letter_topic: kafka.dead_letter_partitions,
        kafka.positions_topic: 1,
    }


def recognised(found: Mapping[str, Topic | None], counts: Mapping[str, int]) -> Mapping[str, str]:
    """Return the ids of the topics. Raises Halted: one is missing, or has another number of partitions."""
    return {name: _recognised(name, topic, counts[name]) for name, topic in found.items()}


async def describe(settings: Settings, admin: KafkaAdmin) -> Sequence[TopicStanding]:
    """Show the four topics against the settings. Raises TransientError."""
    counts = partition_counts(settings)
    found = await admin.topics(counts)
    return [TopicStanding(name, count, found[name]) for name, count in counts.items()]


async def create(settings: Settings, admin: KafkaAdmin) -> Sequence[str]:
    """Make what is missing, change nothing that exists; return the names of what was made. Raises TransientError."""
    missing = [t for t in await describe(settings, admin) if t.found is None]
    replicas = settings.kafka.replication_factor
    made = []
    for name, count, _ in missing:  # the input topic first: the dead-letter topic goes by it
        if await admin.create(name, count, replicas, await _properties(name, settings, admin)):
            made.append(name)
    return made


async def _properties(name: str, settings: Settings, admin: KafkaAdmin) -> Mapping[str, str]:
    if name == settings.kafka.positions_topic:
        return {"cleanup.policy": "compact"}
    if name == settings.kafka.dead_letter_topic:
        taken = await admin.message_bytes(settings.kafka.input_topic)
        return {"max.message.bytes": str(taken + HEADROOM)}
    return {}


def _recognised(name: str, topic: Topic | None, count: int) -> str:
    if topic is None:
        raise Halted("relay", "topic_missing", expected=f"topic {name}", found="none of that name", remedy=CREATE)
    if topic.partitions != count:
        expected, found = f"{name} with {count} partitions", f"{topic.partitions}"
        raise Halted("relay", "partition_count", expected=expected, found=found, remedy=COUNT)
    return topic.id
