"""What was sent, what came out, and what is wrong with it: read from the topics, judged by the checker."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Message

from python_app_template.audit.checker import examine
from python_app_template.audit.evidence import Evidence, Record
from python_app_template.cli.reading import from_start, reading
from python_app_template.settings import Settings

SILENCE_SECONDS = 0.5
"""How long nothing more has to come, until all has come."""


class Verdict(NamedTuple):
    """What the topics hold; lost, doubled and disordered are versions of SKUs, as anybody can count them."""

    messages: int
    events: Mapping[str, int]
    dead_letters: Mapping[str, int]
    lost: int
    doubled: int
    disordered: int
    violations: Sequence[str]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.disordered or self.violations)


class Numbered(msgspec.Struct):
    """As much of an event as it takes to count it."""

    type: str
    sku: str
    version: int


def collect(settings: Settings) -> Evidence:
    """Read all topics from their start to their end. Raises CommandFailed."""
    kafka = settings.kafka
    topics = (kafka.input_topic, kafka.output_topic, kafka.dead_letter_topic)
    messages, events, dead_letters = (_records(settings, topic) for topic in topics)
    return Evidence(messages=messages, events=events, dead_letters=dead_letters, topic=kafka.input_topic)


def judge(evidence: Evidence) -> Verdict:
    """Hold everything against the contract."""
    events = [msgspec.json.decode(record.value or b"", type=Numbered) for record in evidence.events]
    reasons = Counter((dict(letter.headers).get("dlq.reason") or b"").decode() for letter in evidence.dead_letters)
    found = examine(evidence)
    return Verdict(
        len(evidence.messages),
        Counter(event.type for event in events),
        reasons,
        *_counted(events),
        [str(violation) for violation in found.violations],
    )


def _counted(events: Sequence[Numbered]) -> tuple[int, int, int]:
    """Return how many versions are missing, come again, and come after a greater one."""
    lost = doubled = disordered = 0
    versions: dict[str, list[int]] = {}
    for event in events:
        if event.version:  # a rejected line belongs to no known SKU, and has none
            versions.setdefault(event.sku, []).append(event.version)
    for found in versions.values():
        lost += max(found) - len(set(found))
        doubled += len(found) - len(set(found))
        disordered += sum(after < before for before, after in pairwise(found))
    return lost, doubled, disordered


def _records(settings: Settings, topic: str) -> list[Record]:
    with reading(settings, topic, from_start(settings, topic)) as reader:
        found = [_record(message) for page in reader.arriving(SILENCE_SECONDS) for message in page]
    return sorted(found, key=lambda record: record[:2])


def _record(message: Message) -> Record:
    headers: list[Any] = list(message.headers() or ())
    key, value = message.key(), message.value()
    place = message.partition() or 0, message.offset() or 0
    return Record(*place, _bytes(key), _bytes(value), [(name, _bytes(held)) for name, held in headers])


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
