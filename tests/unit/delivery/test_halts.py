"""What a halt says: which part, for what reason, what was expected, what was found, and what a person can do."""

from collections.abc import Callable

import pytest

from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.partitions import Partitions
from python_app_template.core.delivery.relaying import Cursor, OutboxRow, Standing, follow, recognise, resume
from python_app_template.core.delivery.remedies import for_partition, for_relay
from python_app_template.core.delivery.signals import Assigned, Identified, Order, Stop, Unreadable
from tests.builders import GROUP, P, log, position

AT_FIVE = Cursor(5, "id-5")
ORIGIN = Cursor(0, "id-0")


def row(number: int) -> OutboxRow:
    return OutboxRow(number, f"id-{number}", ())


@pytest.mark.parametrize(
    ("judge", "reason", "said"),
    [
        (
            lambda: resume(None, Standing(ORIGIN, started=True)),
            "cursor_lost",
            "relay halted (cursor_lost): expected a cursor, found none; ",
        ),
        (
            lambda: follow(AT_FIVE, []),
            "database_set_back",
            f"relay halted (database_set_back): expected {AT_FIVE}, found no such row; ",
        ),
        (
            lambda: follow(AT_FIVE, [row(6)]),
            "database_set_back",
            f"relay halted (database_set_back): expected {AT_FIVE}, found {row(6).cursor}; ",
        ),
        (
            lambda: follow(AT_FIVE, [row(5), row(7)]),
            "outbox_gap",
            "relay halted (outbox_gap): expected 6, found 7; ",
        ),
        (
            lambda: recognise({"a": "1"}, {"a": "2"}),
            "topic_recreated",
            "relay halted (topic_recreated): expected a with id 1, found id 2; ",
        ),
    ],
    ids=["cursor", "no witness", "another witness", "gap", "topic"],
)
def test_a_halt_of_the_relay_says_all_that_a_person_needs(judge: Callable[[], object], reason: str, said: str) -> None:
    with pytest.raises(Halted) as halted:
        judge()
    remedy = for_relay(reason, "a")
    assert (halted.value.part, halted.value.reason, halted.value.remedy) == ("relay", reason, remedy)
    assert str(halted.value) == said + remedy


def running() -> Partitions[int]:
    rules = assigned()
    rules.claimed(position(5), log(), 0)
    return rules


def assigned() -> Partitions[int]:
    rules = Partitions[int](GROUP)
    rules.on(Assigned(frozenset({P}), 7), 0)
    return rules


Halting = Callable[[], list[Order[int]]]


@pytest.mark.parametrize(
    ("halting", "reason", "expected", "found"),
    [
        (
            lambda: assigned().claimed(position(5, group="another"), log(), 0),
            "other_group",
            "group group",
            "group another",
        ),
        (
            lambda: assigned().claimed(position(5), log(topic_id="new"), 0),
            "topic_recreated",
            "topic-id",
            "new",
        ),
        (lambda: running().on(Unreadable(P, log(topic_id="new")), 0), "topic_recreated", "topic-id", "new"),
        (
            lambda: running().on(Unreadable(P, log(20, start=10)), 0),
            "log_truncated",
            "offset 5",
            "a log from 10 to 20",
        ),
        (
            lambda: running().on(Unreadable(P, log(4)), 0),
            "offset_out_of_range",
            "offset 5",
            "a log from 0 to 4",
        ),
        (lambda: running().on(Identified(P.topic, "new"), 0), "topic_recreated", "topic-id", "new"),
        (lambda: running().on(Identified(P.topic, None), 0), "topic_deleted", "topic-id", "no topic"),
    ],
    ids=[
        "group",
        "topic at the claim",
        "topic when unreadable",
        "truncated",
        "out of range",
        "topic identified",
        "topic gone",
    ],
)
def test_a_halt_of_a_partition_says_all_that_a_person_needs(
    halting: Halting, reason: str, expected: str, found: str
) -> None:
    (stop,) = halting()
    assert isinstance(stop, Stop)
    assert (stop.partition, stop.assignment) == (P, 7)
    remedy = for_partition(reason, P, GROUP)
    assert (stop.why.part, stop.why.reason, stop.why.remedy) == ("partition-0", reason, remedy)
    assert str(stop.why) == f"partition-0 halted ({reason}): expected {expected}, found {found}; {remedy}"


def test_a_remedy_is_a_command_to_copy_and_the_page_to_read_before() -> None:
    assert for_partition("other_group", P, "ours") == (
        "if it is to be ours: `python-app-template positions set --topic raw-push --partition 0 --group ours "
        "--reason '...'` (docs/operations.md, `other_group`)"
    )
    assert for_relay("topic_recreated", "allocations") == (
        "if its events may be gone: `python-app-template positions set --topic allocations --accept-topic "
        "--reason '...'` (docs/operations.md, `topic_recreated`)"
    )
