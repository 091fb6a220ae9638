"""Which dead letters go back, and which are meant."""

from dataclasses import replace

import pytest

from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.returning import Fate, Letter, Origin, Place, Selection, judge

LETTER = Letter(Place(1, 17), 1000, b"key", b"value", (), Origin(Partition("in", 2), 1041, 900), "failed", "detail", 1)
FOREIGN = replace(LETTER, origin=None, reason="")


def test_a_letter_goes_back_once() -> None:
    assert judge(LETTER, {Place(1, 16), Place(0, 17)}, "in", 3) is Fate.SENT
    assert judge(LETTER, {Place(1, 17)}, "in", 3) is Fate.RETURNED


def test_a_letter_that_was_returned_so_often_stays() -> None:
    fates = [judge(replace(LETTER, attempts=attempts), (), "in", 3) for attempts in range(5)]
    assert fates == [Fate.SENT] * 3 + [Fate.EXHAUSTED] * 2


def test_a_letter_goes_back_only_to_where_it_came_from() -> None:
    assert judge(LETTER, (), "elsewhere", 3) is Fate.FOREIGN
    assert judge(FOREIGN, (), "in", 3) is Fate.FOREIGN


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(places={Place(1, 17)}),
        Selection(reasons={"failed", "invalid"}),
        Selection(keys={b"key"}),
        Selection(since=1000, until=1001),
        Selection(partition=2),
        Selection(first=1041, last=1041),
        Selection({Place(1, 17)}, {"failed"}, {b"key"}, 1, 2000, 2, 1041, 1041),
    ],
)
def test_a_letter_is_meant_when_all_agree(selection: Selection) -> None:
    assert selection.takes(LETTER)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(places={Place(17, 1)}),
        Selection(reasons={"invalid"}),
        Selection(keys={b"other"}),
        Selection(since=1001),
        Selection(until=1000),
        Selection(partition=1),
        Selection(first=1042),
        Selection(last=1040),
        Selection(reasons={"failed"}, keys={b"other"}),
    ],
)
def test_a_letter_is_not_meant_when_one_does_not(selection: Selection) -> None:
    assert not selection.takes(LETTER)


def test_who_asks_for_an_origin_means_no_letter_without_one() -> None:
    assert Selection().takes(FOREIGN)
    assert not any(s.takes(FOREIGN) for s in (Selection(partition=2), Selection(first=0), Selection(last=2000)))


def test_who_asks_for_a_key_means_no_letter_without_one() -> None:
    assert not Selection(keys={b""}).takes(replace(LETTER, key=None))
    assert Selection(keys={b""}).takes(replace(LETTER, key=b""))


def test_a_letter_without_its_body_keeps_its_name_its_key_and_its_reason() -> None:
    whole = replace(LETTER, headers=[("trace", b"1")])
    bare = whole.without_body()
    assert (bare.value, bare.headers) == (None, ())
    assert bare == replace(whole, value=None, headers=())
