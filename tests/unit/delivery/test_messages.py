"""Batches can be cut, and nothing is lost or doubled by it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_app_template.core.delivery.messages import Batch, Partition, Refused, Span
from tests.builders import P, Q, batch, message, messages

PARTITIONS = [Partition("t", n) for n in range(3)]


@st.composite
def batches(draw: st.DrawFn) -> Batch[int]:
    """Any batch: gaps before, between and after messages, partitions interleaved, spans without a message."""
    pending = []
    spans = []
    for p in PARTITIONS:
        offsets = sorted(draw(st.sets(st.integers(3, 15), max_size=5)))
        if not offsets and draw(st.booleans()):
            continue
        pending.append([message(o, p) for o in offsets])
        spans.append(Span(p, 7, draw(st.integers(0, 3)), (offsets or [3])[-1] + draw(st.integers(1, 3))))
    found = []
    while any(pending):
        found.append(draw(st.sampled_from([m for m in pending if m])).pop(0))
    return Batch(found, spans)


def covered(spans: list[Span]) -> list[tuple[Partition, int]]:
    return [(s.partition, offset) for s in spans for offset in range(s.start, s.end)]


@given(batches())
def test_halves_cover_exactly_the_spans_without_overlap_and_in_order(whole: Batch[int]) -> None:
    first, second = whole.halves()
    assert [*first.messages, *second.messages] == whole.messages
    assert sorted(covered([*first.spans, *second.spans])) == sorted(covered(list(whole.spans)))
    assert all(s.start < s.end and s.epoch == 7 for s in [*first.spans, *second.spans])
    for span in second.spans:
        before = [s.end for s in first.spans if s.partition == span.partition]
        assert before in ([], [span.start])


@given(batches())
def test_each_half_holds_its_own_messages(whole: Batch[int]) -> None:
    for half in whole.halves():
        inside = set(covered(list(half.spans)))
        assert {(m.record.partition, m.record.offset) for m in half.messages} <= inside


@given(batches())
def test_cutting_goes_down_to_single_messages(whole: Batch[int]) -> None:
    todo, singles = [whole], []
    while todo:
        part = todo.pop()
        if len(part.messages) > 1:
            halves = part.halves()
            assert all(len(half.messages) < len(part.messages) for half in halves)
            todo += reversed(halves)
        else:
            singles.append(part)
    assert [m for part in singles for m in part.messages] == whole.messages
    assert sorted(covered([s for p in singles for s in p.spans])) == sorted(covered(list(whole.spans)))


def test_the_gap_before_the_second_half_belongs_to_the_first() -> None:
    first, second = batch(5, 9, start=2, end=12).halves()
    assert (first.spans, second.spans) == ([Span(P, 1, 2, 9)], [Span(P, 1, 9, 12)])


def test_a_span_without_a_message_is_not_cut() -> None:
    whole = Batch(messages(1, 2), [Span(P, 1, 1, 3), Span(Q, 1, 5, 8)])
    first, second = whole.halves()
    assert (first.spans, second.spans) == ([Span(P, 1, 1, 2), Span(Q, 1, 5, 8)], [Span(P, 1, 2, 3)])


def test_without_a_partition_neither_its_messages_nor_its_span_remain() -> None:
    whole = Batch([message(1), message(5, Q), message(2)], [Span(P, 1, 1, 3), Span(Q, 1, 5, 6)])
    assert whole.without({P}) == Batch([message(5, Q)], [Span(Q, 1, 5, 6)])


def test_a_refused_batch_keeps_its_spans_and_its_records() -> None:
    why = Refused("failed", "no")
    refused = batch(1, 2).refused(why)
    assert refused.spans == batch(1, 2).spans
    assert [(m.record.offset, m.content) for m in refused.messages] == [(1, why), (2, why)]


@pytest.mark.parametrize("whole", [batch(5), batch(1, 2, 3, end=9)])
def test_a_probe_has_no_message_and_moves_nothing(whole: Batch[int]) -> None:
    probe = whole.nothing()
    assert probe.messages == ()
    assert [(s.partition, s.epoch, s.start, s.end) for s in probe.spans] == [
        (s.partition, s.epoch, s.start, s.start) for s in whole.spans
    ]
