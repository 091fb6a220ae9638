"""What was promised over HTTP is held against what is there."""

from collections.abc import Sequence
from typing import Any

import pytest

from python_app_template.audit.evidence import Record
from tests.chaos.answers import Outcome, Write, unkept

PLACED = Record(1, 7, b"o1", b'{"type":"order.placed","order_id":"o1"}', [("x-request-id", b"r1")])
COMMAND = "1-7-orders_tag"
ACKNOWLEDGED = Write("r1", Outcome.ACKNOWLEDGED, {"order_id": "o1"}, COMMAND)
BURIED = Record(0, 0, b"o1", b"", [("dlq.partition", b"1"), ("dlq.offset", b"7"), ("dlq.reason", b"conflict")])
APPLIED: dict[str, Any] = {"status": "applied"}
CONFLICT: dict[str, Any] = {"status": "dead_lettered", "reason": "conflict"}


def faults(
    write: Write, messages: Sequence[Record], answer: dict[str, Any] = APPLIED, letters: Sequence[Record] = ()
) -> list[str]:
    return [*unkept([write], messages, letters, {COMMAND: answer})]


def test_what_was_acknowledged_is_there_and_its_command_tells_what_became_of_it() -> None:
    assert faults(ACKNOWLEDGED, [PLACED]) == []
    assert faults(ACKNOWLEDGED, [PLACED], CONFLICT, [BURIED]) == []
    assert faults(ACKNOWLEDGED._replace(said="applied"), [PLACED]) == []


@pytest.mark.parametrize(
    "there", [[], [PLACED._replace(offset=8)], [PLACED, PLACED._replace(offset=8)]], ids=["lost", "elsewhere", "twice"]
)
def test_what_was_acknowledged_is_at_its_place_once(there: list[Record]) -> None:
    (fault,) = faults(ACKNOWLEDGED, there)
    assert "is not there once at its place" in fault


@pytest.mark.parametrize("status", ["pending", "skipped", "unknown", "dead_lettered"])
def test_a_command_whose_message_is_applied_says_so(status: str) -> None:
    (fault,) = faults(ACKNOWLEDGED, [PLACED], {"status": status})
    assert "became applied" in fault


@pytest.mark.parametrize("answer", [APPLIED, {"status": "dead_lettered", "reason": "invalid"}, {}])
def test_a_command_whose_message_is_a_dead_letter_says_so_and_why(answer: dict[str, Any]) -> None:
    (fault,) = faults(ACKNOWLEDGED, [PLACED], answer, [BURIED])
    assert "became dead_lettered conflict" in fault


def test_who_waited_was_told_the_truth() -> None:
    (fault,) = faults(ACKNOWLEDGED._replace(said="dead_lettered"), [PLACED])
    assert "the write was answered with dead_lettered" in fault


def test_a_message_is_about_what_was_asked() -> None:
    (fault,) = faults(ACKNOWLEDGED._replace(names={"order_id": "o2"}), [PLACED])
    assert "has become another message" in fault


def test_an_unknown_outcome_is_there_once_or_not_at_all() -> None:
    unknown = Write("r1", Outcome.UNKNOWN, {"order_id": "o1"})
    assert faults(unknown, []) == faults(unknown, [PLACED]) == []
    (fault,) = faults(unknown, [PLACED, PLACED._replace(offset=8)])
    assert "more than once" in fault


def test_nothing_is_there_of_what_was_refused() -> None:
    refused = Write("r1", Outcome.REFUSED, {"order_id": "o1"})
    assert faults(refused, []) == []
    (fault,) = faults(refused, [PLACED])
    assert "was refused, and is there" in fault


def test_an_answer_that_the_contract_does_not_know_is_wrong() -> None:
    (fault,) = faults(Write("r1", Outcome.WRONG, {}, said="500 oops"), [])
    assert "was answered with 500 oops" in fault
