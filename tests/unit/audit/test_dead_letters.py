"""What is wrong with a dead letter is told, word for word, and nothing else with it but what follows from it."""

from dataclasses import replace
from typing import Any

import pytest

from python_app_template.audit.checker import violations
from python_app_template.audit.evidence import PENDING, Cut, Evidence, Log, Record
from python_app_template.audit.model import Outcome
from tests.unit.audit.evidence import clean, letter_of, messages_of, with_letters
from tests.unit.audit.scene import CLEAN, MESSAGES, letter

CONFLICT = "raw-push/1@2"
"""Where the message of the first dead letter was."""


def with_header(name: str, value: bytes | None) -> Evidence:
    """The first dead letter with another header; None: without it."""

    def change(letters: list[Record]) -> None:
        headers = [(k, value if k == name else v) for k, v in letters[0].headers]
        letters[0] = letters[0]._replace(headers=[(k, v) for k, v in headers if k != name or v is not None])

    return with_letters(CLEAN, change)


@pytest.mark.parametrize(
    ("reason", "place"),
    [
        ("conflict", "raw-push/1@2 (order.placed)"),
        ("unknown_order", "raw-push/1@3 (order.cancelled)"),
        ("unknown_type", "raw-push/1@4 (other)"),
    ],
)
def test_a_missing_dead_letter_is_told(reason: str, place: str) -> None:
    wrong = with_letters(CLEAN, lambda letters: letters.pop(letter(CLEAN, reason)))
    assert violations(wrong) == [f"dead letter: {place} is none, and has to be one: {reason}"]


def test_a_dead_letter_for_a_wrong_reason_is_told() -> None:
    wrong = f"dead letter: {CONFLICT} (order.placed) is one for invalid, and not for conflict"
    assert violations(with_header("dlq.reason", b"invalid")) == [wrong]


def test_one_message_that_was_given_two_reasons_is_told() -> None:
    def change(letters: list[Record]) -> None:
        headers = [(k, b"invalid" if k == "dlq.reason" else v) for k, v in letters[0].headers]
        letters.append(letters[0]._replace(headers=headers, offset=99))

    assert violations(with_letters(CLEAN, change)) == [
        f"dead letter: {CONFLICT} is there 2 times",
        f"dead letter: {CONFLICT} (order.placed) is one for conflict, invalid, and not for conflict",
    ]


@pytest.mark.parametrize(
    ("reasons", "lines"),
    [
        (["conflict"], ["is one (conflict), and can be applied"]),
        (["invalid", "conflict"], ["is there 2 times", "is one (conflict, invalid), and can be applied"]),
        (["failed"], ["failed, and led to CHAIR/11"]),
    ],
)
def test_a_dead_letter_of_a_good_message_is_told(reasons: list[str], lines: list[str]) -> None:
    good = MESSAGES[-1]
    more = [letter_of(good, Outcome(reason=reason))._replace(offset=99 + n) for n, reason in enumerate(reasons)]
    found = violations(with_letters(CLEAN, lambda letters: letters.extend(more)))
    told = [line.replace(" (order.placed)", "").removeprefix("dead letter: raw-push/2@4 ") for line in found]
    assert told == [
        *lines,
        "table: orders o3: customer_id None, placed_at None, cancelled False, of which no event tells",
    ]


def test_what_failed_and_was_not_applied_is_clean() -> None:
    """The poison was the last: its event, its rows and its version are not there."""
    before = clean(MESSAGES[:-1])
    failed = letter_of(MESSAGES[-1], Outcome(reason="failed"))._replace(offset=99)
    cut = Cut(CLEAN.cut.positions) if CLEAN.cut else None
    made = replace(before, messages=MESSAGES, dead_letters=[*before.dead_letters, failed], cut=cut)
    assert violations(made) == []


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"value": b"{}"}, f"{CONFLICT}: its value is not as received"),
        ({"value": b""}, f"{CONFLICT}: its value is not as received"),
        ({"key": b"o1."}, f"{CONFLICT}: its key was b'o1' and is b'o1.'"),
        ({"partition": 5}, f"{CONFLICT} is in partition 5 where 1 is due"),
    ],
)
def test_a_dead_letter_that_was_altered_is_told(more: dict[str, Any], line: str) -> None:
    def change(letters: list[Record]) -> None:
        letters[0] = letters[0]._replace(**more)

    assert violations(with_letters(CLEAN, change)) == [f"dead letter: {line}"]


LINE = f"{CONFLICT}: its dlq.detail is no line of 1 KB at the most"
NOWHERE = "the one at 1@0 does not say where it is from"
NONE = f"{CONFLICT} (order.placed) is none, and has to be one: conflict"


@pytest.mark.parametrize(
    ("name", "value", "lines"),
    [
        ("traceparent", b"00-2", [f"{CONFLICT}: its headers are not as received"]),
        ("traceparent", None, [f"{CONFLICT}: its headers are not as received"]),
        ("dlq.detail", b"two\nlines", [LINE]),
        ("dlq.detail", b"x" * 1025, [LINE]),
        ("dlq.detail", b"x" * 1024, []),
        ("dlq.detail", b"not \xff UTF-8", []),
        ("dlq.timestamp", b"0", [f"{CONFLICT}: its dlq.timestamp is b'0' where 1006 is due"]),
        ("dlq.timestamp", None, [f"{CONFLICT}: its dlq.timestamp is None where 1006 is due"]),
        ("dlq.service", b"", [f"{CONFLICT}: it has no dlq.service"]),
        ("dlq.service", None, [f"{CONFLICT}: it has no dlq.service"]),
        ("dlq.topic", b"elsewhere", [NOWHERE]),
        ("dlq.topic", None, [NOWHERE]),
        ("dlq.offset", b"x", [NOWHERE, NONE]),
        ("dlq.offset", None, [NOWHERE, NONE]),
        ("dlq.partition", b"", [NOWHERE, NONE]),
        ("dlq.partition", None, [NOWHERE, NONE]),
        ("dlq.reason", None, [f"{CONFLICT} (order.placed) is one for , and not for conflict"]),
        ("dlq.reason", b"\xff", [f"{CONFLICT} (order.placed) is one for \ufffd, and not for conflict"]),
    ],
)
def test_a_dead_letter_with_a_wrong_header_is_told(name: str, value: bytes | None, lines: list[str]) -> None:
    assert violations(with_header(name, value)) == [f"dead letter: {line}" for line in lines]


def test_a_dead_letter_of_what_nobody_sent_is_told() -> None:
    assert violations(with_header("dlq.offset", b"77")) == [
        "position: a dead letter comes of raw-push/1@77, and the position is 5",
        "dead letter: raw-push/1@77 was never sent",
        f"dead letter: {NONE}",
    ]


def test_those_after_one_that_does_not_say_where_it_is_from_are_looked_at_too() -> None:
    wrong = with_header("dlq.topic", b"elsewhere")
    found = violations(with_letters(wrong, lambda letters: letters.append(letters[1]._replace(offset=99))))
    assert found == [f"dead letter: {NOWHERE}", "dead letter: raw-push/1@3 is there 2 times"]


def test_a_dead_letter_that_is_there_twice_is_told() -> None:
    wrong = with_letters(CLEAN, lambda letters: letters.append(letters[0]._replace(offset=99)))
    assert violations(wrong) == [f"dead letter: {CONFLICT} is there 2 times"]


def test_headers_of_ours_that_a_message_came_with_may_be_replaced_and_no_others() -> None:
    sent = MESSAGES[6]._replace(headers=(("traceparent", b"00-1"), ("dlq.reason", b"old"), ("dlqx", b"kept")))
    made = clean([*MESSAGES[:6], sent, *MESSAGES[7:]])
    twice = [h for h in sent.headers if h[0] == "dlq.reason"]

    def change(letters: list[Record]) -> None:
        letters[0] = letters[0]._replace(headers=[h for h in letters[0].headers if h not in twice])

    assert violations(with_letters(made, change)) == []

    def change_more(letters: list[Record]) -> None:
        letters[0] = letters[0]._replace(headers=[h for h in letters[0].headers if h[0] != "dlqx"])

    assert violations(with_letters(made, change_more))[0] == f"dead letter: {CONFLICT}: its headers are not as received"


def test_one_too_large_for_its_topic_has_no_value_and_says_so() -> None:
    def change(letters: list[Record]) -> None:
        letters[0] = letters[0]._replace(value=b"", headers=[*letters[0].headers, ("dlq.truncated", b"1")])

    assert violations(with_letters(CLEAN, change)) == []

    def spoil(letters: list[Record]) -> None:
        letters[0] = letters[0]._replace(value=b"x", headers=[*letters[0].headers, ("dlq.truncated", b"1")])

    assert violations(with_letters(CLEAN, spoil)) == [f"dead letter: {CONFLICT}: its value is not as received"]


def test_one_without_a_key_goes_to_the_partition_of_its_origins_number() -> None:
    """Five partitions of messages, three of dead letters."""
    sent = [Record(4, 0, None, b"{", (), 7)]
    made = clean(sent)
    assert [record.partition for record in made.dead_letters] == [1]
    assert violations(made) == []
    wrong = with_letters(made, lambda letters: letters.append(letters.pop()._replace(partition=2)))
    assert violations(wrong) == ["dead letter: raw-push/4@0 is in partition 2 where 1 is due"]


def test_where_nobody_counted_the_partitions_any_will_do() -> None:
    wrong = with_letters(CLEAN, lambda letters: letters.append(letters.pop()._replace(partition=2)))
    assert violations(replace(wrong, dead_letter_log=Log())) == []


def test_one_that_waits_in_the_outbox_has_no_partition_yet() -> None:
    wrong = with_letters(CLEAN, lambda letters: letters.append(letters.pop()._replace(partition=2, offset=PENDING)))
    assert violations(wrong) == []


def test_a_message_without_a_timestamp_asks_for_none() -> None:
    sent = messages_of([(b"{", b"k")])[0]._replace(timestamp=0)
    made = clean([sent])

    def change(letters: list[Record]) -> None:
        letters[0] = letters[0]._replace(headers=[h for h in letters[0].headers if h[0] != "dlq.timestamp"])

    assert violations(with_letters(made, change)) == []


def test_a_dead_letter_of_what_retention_took_is_not_asked_for_its_message() -> None:
    sent = messages_of([(b"{", b"k")])[0]
    made = clean([sent])
    short = replace(made, messages=[], message_log=Log({sent.partition: 1}, {sent.partition: 1}, 3))
    assert violations(short) == []
    assert violations(replace(short, message_log=Log({}, {sent.partition: 1}, 3))) == [
        f"dead letter: raw-push/{sent.partition}@0 was never sent"
    ]
