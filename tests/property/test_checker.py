"""The checker on random streams: what the service makes of them is clean, and no mutation of it goes unseen."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from python_app_template.audit.checker import examine, violations
from python_app_template.audit.evidence import Evidence, Record
from python_app_template.audit.model import Model, Received
from tests.property.tables import Tables
from tests.property.test_allocation import batches_of_messages, bodies, created, process
from tests.unit.audit.evidence import body_of, clean, left_by, messages_of, rewritten, with_events, with_letters

GARBAGE = [b"{", b"[]", b'{"type":"nonsense"}', b'{"type":"order.placed","order_id":"o1","lines":[]}', None]

Draw = Callable[[st.SearchStrategy[Any]], Any]


@settings(max_examples=60, deadline=None)
@given(batches_of_messages())
def test_what_the_domain_makes_of_any_stream_in_any_batches_is_clean(batches: list[list[Received]]) -> None:
    """Messages of one id come by several partitions here, and are put in order by what became of them alone."""
    tables, model = Tables(), Model()
    outcomes = [
        (Record(one.partition, one.offset, b"key", one.value), outcome)
        for batch in batches
        for one, outcome in zip(batch, process(tables, batch), strict=True)
    ]
    model.run([one for batch in batches for one in batch])
    assert violations(left_by(model, outcomes)) == []


@st.composite
def streams(draw: st.DrawFn) -> Evidence:
    """Draw messages, keyed as the contract says, and what comes of them."""
    found = [*draw(st.lists(created, min_size=1, max_size=3)), *draw(st.lists(bodies, min_size=10, max_size=30))]
    values: list[tuple[bytes | None, bytes | None]]
    values = [(json.dumps(body).encode(), str(body.get("order_id") or body["batch_ref"]).encode()) for body in found]
    values += draw(st.lists(st.sampled_from(values), max_size=3))
    values += [(value, None) for value in draw(st.lists(st.sampled_from(GARBAGE), min_size=1, max_size=3))]
    return clean(messages_of(values))


def drop_an_event(evidence: Evidence, draw: Draw) -> Evidence:
    n = draw(st.integers(0, len(evidence.events) - 1))
    return with_events(evidence, lambda events: events.pop(n))


def double_an_event(evidence: Evidence, draw: Draw) -> Evidence:
    n = draw(st.integers(0, len(evidence.events) - 1))
    return with_events(evidence, lambda events: events.append(events[n]._replace(offset=9999)))


def alter_an_event(evidence: Evidence, draw: Draw) -> Evidence:
    n = draw(st.integers(0, len(evidence.events) - 1))
    body = body_of(evidence.events[n])
    name = draw(st.sampled_from(sorted(body.keys() & {"qty", "version", "batch_ref", "order_id", "line", "reason"})))
    other = body[name] + 1 if isinstance(body[name], int) else body[name] + "x"

    def change(events: list[Record]) -> None:
        events[n] = rewritten(events[n], **{name: other})

    return with_events(evidence, change)


def give_an_event_another_cause(evidence: Evidence, draw: Draw) -> Evidence:
    n = draw(st.integers(0, len(evidence.events) - 1))
    cause = body_of(evidence.events[n])["cause"]
    other = draw(st.sampled_from([m for m in evidence.messages if m[:2] != (cause["partition"], cause["offset"])]))

    def change(events: list[Record]) -> None:
        events[n] = rewritten(events[n], cause=cause | {"partition": other.partition, "offset": other.offset})

    return with_events(evidence, change)


def drop_a_dead_letter(evidence: Evidence, draw: Draw) -> Evidence:
    n = draw(st.integers(0, len(evidence.dead_letters) - 1))
    return with_letters(evidence, lambda letters: letters.pop(n))


def blame_something_else(evidence: Evidence, draw: Draw) -> Evidence:
    n = draw(st.integers(0, len(evidence.dead_letters) - 1))
    reason = dict(evidence.dead_letters[n].headers)["dlq.reason"]
    reasons = {b"invalid", b"undecodable", b"conflict", b"unknown_order", b"unknown_batch", b"empty", b"unknown_type"}
    other = draw(st.sampled_from(sorted(reasons - {reason})))

    def change(letters: list[Record]) -> None:
        headers = [(name, other if name == "dlq.reason" else value) for name, value in letters[n].headers]
        letters[n] = letters[n]._replace(headers=headers)

    return with_letters(evidence, change)


def lose_a_message(evidence: Evidence, draw: Draw) -> Evidence:
    """One that led to something."""
    causes = {(b["cause"]["partition"], b["cause"]["offset"]) for b in map(body_of, evidence.events)}
    gone = draw(st.sampled_from(sorted(causes)))
    return replace(evidence, messages=[m for m in evidence.messages if m[:2] != gone])


def move_a_position_back(evidence: Evidence, draw: Draw) -> Evidence:
    """Below one that led to something."""
    assert evidence.cut
    cause = body_of(draw(st.sampled_from(evidence.events)))["cause"]
    positions = {**evidence.cut.positions, cause["partition"]: cause["offset"]}
    return replace(evidence, cut=evidence.cut._replace(positions=positions))


def forget_a_row(evidence: Evidence, draw: Draw) -> Evidence:
    name = draw(st.sampled_from([n for n in ("products", "batches", "orders", "lines") if getattr(evidence.tables, n)]))
    rows = {**getattr(evidence.tables, name)}
    del rows[draw(st.sampled_from(sorted(rows)))]
    return replace(evidence, tables=replace(evidence.tables, **{name: rows}))


def miscount_a_batch(evidence: Evidence, draw: Draw) -> Evidence:
    batches = {**evidence.tables.batches}
    ref = draw(st.sampled_from(sorted(batches)))
    name = draw(st.sampled_from(["purchased", "allocated", "created_qty"]))
    batches[ref] = batches[ref]._replace(**{name: getattr(batches[ref], name) + 1})
    return replace(evidence, tables=replace(evidence.tables, batches=batches))


MUTATIONS: list[Callable[[Evidence, Draw], Evidence]] = [
    drop_an_event,
    double_an_event,
    alter_an_event,
    give_an_event_another_cause,
    drop_a_dead_letter,
    blame_something_else,
    lose_a_message,
    move_a_position_back,
    forget_a_row,
    miscount_a_batch,
]


@settings(max_examples=250, deadline=None)
@given(streams(), st.sampled_from(MUTATIONS), st.data())
def test_no_mutation_goes_unseen(
    evidence: Evidence, mutate: Callable[[Evidence, Draw], Evidence], data: st.DataObject
) -> None:
    assert examine(evidence).violations == []
    assert examine(mutate(evidence, data.draw)).violations != []
