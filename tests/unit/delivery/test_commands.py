"""Ids that nobody guesses, and what became of a command."""

import re
from collections.abc import Sequence

import pytest

from python_app_template.core.delivery.commands import (
    Buried,
    CommandIds,
    Moved,
    Place,
    Standing,
    Status,
    Trace,
    judge,
)
from python_app_template.core.delivery.messages import Refused

IDS = CommandIds(b"s" * 32, "topic-1")
PLACE = Place(2, 1041)
WHY = Refused("unknown_order", "order o-1 was never placed")


def status(offset: int, trace: Trace) -> Status:
    return judge(offset, trace).status


def moved(epoch: int, start: int, end: int, was: str | None = "topic-1", now: str = "topic-1") -> Moved:
    return Moved(epoch, start, end, was, now)


def test_an_id_says_where_its_message_lies() -> None:
    made = IDS.make(PLACE, "orders", "alice")
    assert re.fullmatch(r"2-1041-[A-Za-z0-9._~-]+", made)
    command = IDS.read(made)
    assert command is not None
    assert (command.place, command.kind) == (PLACE, "orders")


def test_an_id_is_the_one_that_earlier_versions_made() -> None:
    ids = CommandIds(b"s" * 32, "topic-id")
    assert ids.make(Place(3, 41), "orders", "alice") == "3-41-orders_x1MroHgMAupVkV2qlUcJ0VJ0jq5acGcTCFIo"
    assert ids.make(Place(0, 0), "stock", None) == "0-0-stock_YuIDdC55kn7gy5oy4m2oMRF0xXj9TSbyv2Pq"


def test_an_id_knows_its_sender_and_does_not_show_them() -> None:
    made = IDS.make(PLACE, "orders", "alice")
    command = IDS.read(made)
    assert command is not None
    assert "alice" not in made
    assert IDS.is_senders(command, "alice")
    assert not IDS.is_senders(command, "mallory")
    assert not IDS.is_senders(command, None)
    nobodys = IDS.read(IDS.make(PLACE, "orders", None))
    assert nobodys is not None
    assert IDS.is_senders(nobodys, None)
    assert not IDS.is_senders(nobodys, "")


def test_the_same_sender_looks_different_at_each_place() -> None:
    one, other = IDS.read(IDS.make(PLACE, "orders", "alice")), IDS.read(IDS.make(Place(0, 1), "orders", "alice"))
    assert one is not None
    assert other is not None
    assert one.mask != other.mask


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("2-1041", "2-1042"),
        lambda text: text.replace("2-1041", "1-1041"),
        lambda text: text.replace("2-1041", "02-1041"),
        lambda text: text.replace("2-1041", "٢-1041"),
        lambda text: text.replace("orders", "stock"),
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text[:-20] + ("A" if text[-20] != "A" else "B") + text[-19:],
        lambda text: text + "=",
        lambda text: text + "\n",
        lambda text: text[:-1],
        lambda _: "",
        lambda _: "2-1041-",
        lambda _: "2-1041-orders_" + "A" * 36,
    ],
)
def test_what_is_not_as_it_was_given_is_no_id(change: object) -> None:
    assert callable(change)
    assert IDS.read(change(IDS.make(PLACE, "orders", "alice"))) is None


def test_an_id_is_worth_nothing_under_another_secret_or_for_another_topic() -> None:
    made = IDS.make(PLACE, "orders", "alice")
    assert CommandIds(b"t" * 32, "topic-1").read(made) is None
    assert CommandIds(b"s" * 32, "topic-2").read(made) is None


def test_every_id_can_be_read_again() -> None:
    for place in [Place(0, 0), Place(4_294_967_295, 2**63 - 1)]:
        command = IDS.read(IDS.make(place, "stock", "\ud800"))
        assert command is not None
        assert command.place == place


def test_a_command_is_pending_until_its_offset_is_consumed() -> None:
    assert status(5, Trace(0)) is Status.PENDING
    assert status(5, Trace(5)) is Status.PENDING
    assert status(5, Trace(6)) is Status.APPLIED


def test_a_dead_letter_says_why() -> None:
    assert judge(5, Trace(6, buried=Buried(1, WHY))) == Standing(Status.DEAD_LETTERED, WHY)


def test_what_is_older_than_what_is_kept_is_unknown_but_for_its_dead_letter() -> None:
    assert status(5, Trace(9, known_from=6)) is Status.UNKNOWN
    assert status(6, Trace(9, known_from=6)) is Status.APPLIED
    assert status(5, Trace(9, buried=Buried(1, WHY), known_from=6)) is Status.DEAD_LETTERED


@pytest.mark.parametrize(
    ("moves", "statuses"),
    [
        ([], "aaaaaappp"),
        ([moved(2, 1, 4)], "asssaappp"),  # on from 1 to 4, then consumed to 6
        ([moved(0, 0, 3, None)], "sssaaappp"),  # the row was made at 3
        ([moved(2, 4, 1)], "aaaaaappp"),  # back, and consumed again
        ([moved(2, 4, 1), moved(3, 1, 5)], "aaaasappp"),  # back and on again: most had been consumed before
        ([moved(2, 1, 4), moved(3, 4, 0)], "aaaaaappp"),  # skipped, and then consumed after all
        ([moved(2, 9, 6)], "aaaaaaaaa"),  # back to 6: what was consumed stays what it was
        ([moved(2, 3, 3)], "aaaaaappp"),  # handed to another group
        ([moved(2, 900, 2, now="topic-2")], "ssaaaappp"),  # made anew: what was consumed before is another topic's
        ([moved(1, 2, 5), moved(2, 900, 0, now="topic-2")], "aaaaaappp"),
        ([moved(2, 900, 0, now="topic-2"), moved(3, 1, 3, "topic-2", "topic-2")], "assaaappp"),
    ],
)
def test_moves_tell_what_was_skipped(moves: Sequence[Moved], statuses: str) -> None:
    assert "".join(status(offset, Trace(6, moves)).value[0] for offset in range(9)) == statuses


def test_a_dead_letter_of_an_earlier_pass_counts_no_more() -> None:
    back = [moved(7, 6, 2)]
    assert status(5, Trace(3, back, Buried(6, WHY))) is Status.DEAD_LETTERED  # not yet consumed again
    assert status(5, Trace(6, back, Buried(6, WHY))) is Status.APPLIED
    assert status(5, Trace(6, back, Buried(8, WHY))) is Status.DEAD_LETTERED
