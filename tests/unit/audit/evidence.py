"""Evidence of a service that does what the contract says, made by the model; and ways to make it wrong."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from python_app_template.audit.delivery import partition_of
from python_app_template.audit.evidence import Cut, Evidence, Log, Record
from python_app_template.audit.model import Model, Outcome, Received
from python_app_template.audit.rows import Tables, batches_of, lines_of, orders_of

Body = dict[str, Any]

TOPIC = "raw-push"
AT = "2026-11-20T20:00:00.000000Z"
LOG = Log(ends={0: 10**6, 1: 10**6, 2: 10**6}, partitions=3)


def messages_of(values: Iterable[tuple[bytes | None, bytes | None]]) -> list[Record]:
    """Put values with their keys into the three partitions of the input topic."""
    ends = [count() for _ in range(3)]
    records = []
    for number, (value, key) in enumerate(values):
        partition = partition_of(key, 3, number % 3)
        records.append(Record(partition, next(ends[partition]), key, value, (("traceparent", b"00-1"),), 1000 + number))
    return records


def of_bodies(*bodies: Body) -> list[Record]:
    """Messages, keyed as the contract says."""
    keys = [str(body.get("order_id") or body.get("batch_ref")).encode() for body in bodies]
    return messages_of((json.dumps(body).encode(), key) for body, key in zip(bodies, keys, strict=True))


def clean(messages: Sequence[Record]) -> Evidence:
    """What a service leaves that applies them in this order."""
    model = Model(TOPIC)
    return left_by(model, [(m, model.apply(Received(m.partition, m.offset, m.value))) for m in messages])


def left_by(model: Model, outcomes: Sequence[tuple[Record, Outcome]]) -> Evidence:
    """What is left of messages with these outcomes, in the order in which they were applied; rows as the model's."""
    messages = [message for message, _ in outcomes]
    positions: dict[int, int] = {}
    for message in messages:
        positions[message.partition] = message.offset + 1
    return Evidence(
        messages=messages,
        events=in_log(event_record(e) for _, outcome in outcomes for e in outcome.events),
        dead_letters=in_log(letter_of(m, outcome) for m, outcome in outcomes if outcome.reason),
        tables=Tables(dict(model.versions), batches_of(model), orders_of(model), lines_of(model)),
        cut=Cut(positions),
        message_log=LOG,
        event_log=LOG,
        dead_letter_log=LOG,
    )


def in_log(records: Iterable[Record]) -> list[Record]:
    """Give offsets, each partition its own, with the gaps that transactions leave."""
    ends = [count(step=2) for _ in range(3)]
    return [record._replace(offset=next(ends[record.partition])) for record in records]


def event_record(event: Body) -> Record:
    """An event as it is published."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event["id"].encode()),
        ("ce_type", event["type"].encode()),
        ("ce_source", b"python-app-template"),
        ("content-type", b"application/json"),
    ]
    key = event["sku"].encode()
    return Record(partition_of(key, 3), 0, key, json.dumps({**event, "occurred_at": AT}).encode(), headers, 2000)


def letter_of(message: Record, outcome: Outcome) -> Record:
    """A dead letter as it is published."""
    why = {"reason": outcome.reason, "detail": "why", "topic": TOPIC, "partition": message.partition}
    why |= {"offset": message.offset, "timestamp": message.timestamp, "service": "python-app-template/1"}
    headers = [*message.headers, *((f"dlq.{name}", f"{value}".encode()) for name, value in why.items())]
    return message._replace(partition=partition_of(message.key, 3, message.partition), headers=headers)


def body_of(record: Record) -> Body:
    """An event's object."""
    found: Body = json.loads(record.value or b"")
    return found


def rewritten(record: Record, **more: Any) -> Record:
    """An event with other content, and headers that go with it."""
    return event_record({**body_of(record), **more})._replace(partition=record.partition, offset=record.offset)


def with_events(evidence: Evidence, change: Callable[[list[Record]], object]) -> Evidence:
    """The same with its list of events changed in place."""
    events = [*evidence.events]
    change(events)
    return replace(evidence, events=events)


def with_letters(evidence: Evidence, change: Callable[[list[Record]], object]) -> Evidence:
    """The same with its list of dead letters changed in place."""
    letters = [*evidence.dead_letters]
    change(letters)
    return replace(evidence, dead_letters=letters)
