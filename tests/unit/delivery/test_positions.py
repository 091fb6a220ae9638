"""What may be concluded from a row that did not move."""

from dataclasses import replace

import pytest

from python_app_template.core.delivery.messages import Span
from python_app_template.core.delivery.positions import Verdict, judge
from tests.builders import P, position

SPAN = Span(P, 7, 3, 5)


def test_a_row_at_the_spans_end_under_our_epoch_is_our_own_commit() -> None:
    assert judge(SPAN, position(5, epoch=7)) is Verdict.APPLIED


@pytest.mark.parametrize("epoch", [6, 8])
@pytest.mark.parametrize("next_offset", [3, 5, 6])
def test_under_another_epoch_it_is_another_owners(epoch: int, next_offset: int) -> None:
    assert judge(SPAN, position(next_offset, epoch=epoch)) is Verdict.LOST


@pytest.mark.parametrize("claims", [1, 2])
def test_a_row_that_was_only_claimed_since_stands_where_our_commit_left_it(claims: int) -> None:
    row = replace(position(5, epoch=7 + claims), claims=claims)
    assert judge(SPAN, row) is Verdict.APPLIED_AND_LOST


@pytest.mark.parametrize(("next_offset", "claims"), [(3, 2), (5, 1), (6, 2), (5, 3)])
def test_a_row_that_somebody_has_moved_or_left_since_tells_nothing_of_ours(next_offset: int, claims: int) -> None:
    assert judge(SPAN, replace(position(next_offset, epoch=9), claims=claims)) is Verdict.LOST


@pytest.mark.parametrize("next_offset", [0, 2, 4, 6, 100])
def test_a_row_of_ours_that_stands_anywhere_else_is_lost(next_offset: int) -> None:
    assert judge(SPAN, position(next_offset, epoch=7)) is Verdict.LOST


def test_a_span_without_length_proves_nothing() -> None:
    assert judge(Span(P, 7, 5, 5), position(5, epoch=7)) is Verdict.LOST
