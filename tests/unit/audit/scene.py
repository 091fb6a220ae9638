"""A story with one of everything that is clean, and hands to change one thing about it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from python_app_template.audit.checker import violations
from python_app_template.audit.evidence import Cut, Evidence, Record
from python_app_template.audit.rows import Tables
from tests.clients import batch, cancelled, order, quantity
from tests.unit.audit.evidence import body_of, clean, of_bodies, rewritten

MESSAGES = of_bodies(
    order("early", ("LAMP", 1)),  # rejected: nobody knows it yet
    batch("b1", "CHAIR", 10),
    batch("b2", "CHAIR", 10, "2030-01-01"),
    order("o1", ("CHAIR", 4)),
    order("o2", ("CHAIR", 5), ("CHAIR", 3)),
    order("o1", ("CHAIR", 4)),  # again
    order("o1", ("CHAIR", 5)),  # another of that id
    quantity("b1", 6),  # takes a line off
    cancelled("o2"),
    cancelled("never"),
    {"type": "odd", "order_id": "odd"},
    order("o3", ("CHAIR", 100)),  # out of stock
)
"""CHAIR: 1 b1, 2 b2, 3 o1 on b1, 4 o2/0 on b1, 5 o2/1 on b2, 6 b1 is 6, 7 o2/0 off b1, 8 o2/0 on b2, 9, 10 o2 off b2,
11 o3 out of stock."""

CLEAN = clean(MESSAGES)


def at(evidence: Evidence, ref: str) -> int:
    """Where an event stands in the list."""
    return next(n for n, record in enumerate(evidence.events) if body_of(record)["id"] == ref)


def letter(evidence: Evidence, reason: str) -> int:
    """Where the dead letter of a reason stands in the list."""
    return next(n for n, r in enumerate(evidence.dead_letters) if dict(r.headers)["dlq.reason"] == reason.encode())


def told(evidence: Evidence, kind: str, *parts: str) -> bool:
    """Whether a violation of this kind says all of that."""
    return any(line.startswith(f"{kind}: ") and all(part in line for part in parts) for line in violations(evidence))


def drop(ref: str) -> Callable[[list[Record]], object]:
    return lambda events: events.pop(at(CLEAN, ref))


def double(ref: str) -> Callable[[list[Record]], object]:
    def change(events: list[Record]) -> None:
        found = events[at(CLEAN, ref)]
        events.append(found._replace(offset=1000))

    return change


def swap(one: str, other: str) -> Callable[[list[Record]], object]:
    def change(events: list[Record]) -> None:
        a, b = at(CLEAN, one), at(CLEAN, other)
        events[a], events[b] = events[b]._replace(offset=events[a].offset), events[a]._replace(offset=events[b].offset)

    return change


def rewrite(ref: str, **more: Any) -> Callable[[list[Record]], object]:
    def change(events: list[Record]) -> None:
        n = at(CLEAN, ref)
        events[n] = rewritten(events[n], **more)

    return change


def move(ref: str, **more: Any) -> Callable[[list[Record]], object]:
    def change(events: list[Record]) -> None:
        n = at(CLEAN, ref)
        events[n] = events[n]._replace(**more)

    return change


def with_tables(**changes: dict[Any, Any]) -> Evidence:
    tables = CLEAN.tables
    rows = {name: {**getattr(tables, name)} for name in ("products", "batches", "orders", "lines")}
    for name, change in changes.items():
        for key, row in change.items():
            if row is None:
                del rows[name][key]
            elif isinstance(row, dict):
                rows[name][key] = rows[name][key]._replace(**row)
            else:
                rows[name][key] = row
    return replace(CLEAN, tables=Tables(**rows))


def position(step: int, **more: Any) -> Evidence:
    """The clean evidence with the position of the last message's partition elsewhere."""
    assert CLEAN.cut is not None
    partition = MESSAGES[-1].partition
    positions = {**CLEAN.cut.positions, partition: CLEAN.cut.positions[partition] + step}
    return replace(CLEAN, cut=replace_cut(CLEAN.cut, positions=positions, **more))


def replace_cut(cut: Cut, **more: Any) -> Cut:
    return cut._replace(**more)
