"""Holds what came out against what was sent: the checker, on what a test has read."""

from collections.abc import Sequence
from typing import NamedTuple

from python_app_template.audit import checker
from python_app_template.audit.evidence import Evidence, Log, Record
from tests.clients import Received


class Told(NamedTuple):
    """Events and dead letters, with what was sent."""

    sent: Sequence[Received]
    events: Sequence[Received]
    dead_letters: Sequence[Received] = ()


def evidence_of(told: Told, **more: object) -> Evidence:
    """What the checker takes; the input topic is the one that the events name."""
    topics = {event.body["cause"]["topic"] for event in told.events}
    topics |= {(letter.headers["dlq.topic"] or b"").decode() for letter in told.dead_letters}
    assert len(topics) <= 1
    records = {name: [Record(*record) for record in getattr(told, field)] for name, field in FIELDS.items()}
    logs = {"event_log": Log(partitions=3), "dead_letter_log": Log(partitions=3)}
    return Evidence(**records, **logs, **({"topic": topics.pop()} if topics else {}), **more)  # type: ignore[arg-type]


FIELDS = {"messages": "sent", "events": "events", "dead_letters": "dead_letters"}


def violations(told: Told) -> list[str]:
    """Return what is wrong, in a line each; an empty list is the proof."""
    return checker.violations(evidence_of(told))
