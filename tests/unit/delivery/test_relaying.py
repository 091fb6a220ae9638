"""Where the relay may go on, and where it must halt."""

import pytest

from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.relaying import Cursor, OutboxRow, Standing, follow, recognise, resume

ORIGIN = Cursor(0, "id-0")


def row(number: int, row_id: str | None = None) -> OutboxRow:
    return OutboxRow(number, row_id or f"id-{number}", ())


def test_a_cursor_that_was_found_is_where_it_goes_on() -> None:
    assert resume(Cursor(5, "id-5"), Standing(ORIGIN, started=True)) == Cursor(5, "id-5")


def test_no_cursor_is_right_only_while_none_was_ever_written() -> None:
    assert resume(None, Standing(ORIGIN, started=False)) is None
    with pytest.raises(Halted, match="cursor_lost") as halted:
        resume(None, Standing(ORIGIN, started=True))
    assert (halted.value.part, halted.value.reason) == ("relay", "cursor_lost")


def test_a_cursor_whose_writing_was_not_yet_noted_counts() -> None:
    assert resume(ORIGIN, Standing(ORIGIN, started=False)) == ORIGIN


def test_a_page_follows_its_own_witness() -> None:
    assert follow(Cursor(5, "id-5"), [row(5), row(6), row(7)]) == [row(6), row(7)]


def test_a_page_with_the_witness_alone_brings_nothing() -> None:
    assert follow(ORIGIN, [row(0)]) == []


@pytest.mark.parametrize(
    "page",
    [[], [row(6)], [row(5, "another"), row(6)], [row(4), row(5)]],
    ids=["no rows", "the witness is gone", "another row of that number", "a row before it"],
)
def test_without_its_witness_the_database_was_set_back(page: list[OutboxRow]) -> None:
    with pytest.raises(Halted, match="database_set_back"):
        follow(Cursor(5, "id-5"), page)


@pytest.mark.parametrize("page", [[row(5), row(7)], [row(5), row(6), row(6)], [row(5), row(6), row(8), row(9)]])
def test_a_page_with_a_gap_halts(page: list[OutboxRow]) -> None:
    with pytest.raises(Halted, match="outbox_gap"):
        follow(Cursor(5, "id-5"), page)


def test_topics_are_known_by_their_ids() -> None:
    recognise({"a": "1", "b": "2"}, {"a": "1", "b": "2"})
    with pytest.raises(Halted, match="topic_recreated") as halted:
        recognise({"a": "1", "b": "2"}, {"a": "1", "b": "3"})
    assert "b with id 2" in str(halted.value)
    assert "docs/operations.md" in halted.value.remedy
