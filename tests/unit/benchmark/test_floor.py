"""A recording becomes a script in which nothing comes before what it needs, and nothing is read in vain."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.benchmark.floor.recorder import at_hand
from tests.benchmark.floor.recording import (
    RELAY,
    START,
    WORKER,
    Act,
    Call,
    Produced,
    Recording,
    Transaction,
    open_recording,
    save,
)
from tests.benchmark.floor.script import ADVANCE, PAGE, Await, Fetch, Script, script

TOPICS = ["out", "dlq", "positions"]


def call(stream: str, statement: str | None = None, *args: object, method: str = "fetch", tag: str = "OK") -> Call:
    return Call(stream, 0.0, method, statement, args, {}, tag)


def begin() -> Call:
    return call(WORKER, None, "BEGIN;", method="execute")


def advance(*spans: tuple[int, int]) -> Call:
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    return call(WORKER, ADVANCE, ["in"] * len(spans), [*range(len(spans))], [1] * len(spans), starts, ends)


def page(after: int) -> Call:
    return call(RELAY, PAGE, after, 500, 1000)


def transaction(number: int, *topics: str) -> Transaction:
    cursor = Produced("produce", ("positions", json.dumps({"number": number}).encode(), b"", 0), {})
    return Transaction(RELAY, [*(Produced("produce", (topic, b"", b"", 0), {}) for topic in topics), cursor])


def made(acts: Sequence[Act], topics: Sequence[str] = TOPICS) -> Script:
    return script(Recording([*acts], 5, {}, TOPICS), topics)


def test_a_batch_waits_for_as_many_messages_as_its_positions_move_and_before_its_transaction() -> None:
    found = made([call(WORKER), begin(), advance((0, 3), (5, 9)), begin(), advance((3, 4))])
    kinds = [step.messages if isinstance(step, Fetch) else step.statement or step.args for step in calls(found.worker)]
    assert kinds == [(), 7, ("BEGIN;",), ADVANCE, 1, ("BEGIN;",), ADVANCE]
    assert found.messages == 8


def test_looking_for_more_becomes_one_wait_for_the_row_that_is_published_next() -> None:
    trim = call(RELAY, "DELETE")
    found = made([page(3), page(3), transaction(5, "out", "out"), page(5), trim, page(5), transaction(6, "out")])
    kinds = [step.number if isinstance(step, Await) else type(step).__name__ for step in found.relay]
    assert kinds == [5, "Call", "Transaction", "Call", 6, "Call", "Transaction"]
    assert found.records == 3


def test_a_page_is_read_as_far_as_it_was_then() -> None:
    found = made([page(3), page(3), transaction(5, "out"), page(5)])
    read = [step.args for step in found.relay if isinstance(step, Call)]
    assert read == [(3, 3, 1000), (5, 1, 1000)]


def test_a_relay_that_asks_in_another_way_is_refused() -> None:
    with pytest.raises(ValueError, match="asks in another way"):
        made([call(RELAY, "SELECT 1"), transaction(5, "out")])


def test_a_run_with_a_fault_is_no_floor_but_for_what_failed_before_it_began() -> None:
    failed = call(WORKER, "SELECT 1", tag="failed")
    with pytest.raises(ValueError, match="had a fault"):
        made([failed])
    failed.stream = START
    assert made([failed]).start == []


def test_records_go_to_the_topics_of_the_run() -> None:
    found = made([page(0), transaction(1, "out", "dlq")], ["a", "b", "c"])
    (replayed,) = (step for step in found.relay if isinstance(step, Transaction))
    assert [record.args[0] for record in replayed.records] == ["a", "b", "c"]


def test_what_others_ask_meanwhile_is_kept_apart() -> None:
    found = made([call("term", "SELECT 1"), call(START, "SELECT 2")])
    assert list(found.looks) == ["term"]
    assert [one.statement for one in found.start] == ["SELECT 2"]


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = Recording([begin(), transaction(1, "out")], 2, {"timeout": 5}, TOPICS)
    save(written, tmp_path / "it")
    assert open_recording(tmp_path / "it") == written


def test_what_can_be_asked_but_once_is_noted_whole() -> None:
    assert at_hand(map(str, [1, 2])) == ["1", "2"]
    assert at_hand("as it is") == "as it is"


def calls(steps: Sequence[object]) -> list[Call | Fetch]:
    return [step for step in steps if isinstance(step, (Call, Fetch))]
