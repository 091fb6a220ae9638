"""One attempt, one transaction: what it does, and that it does all of it or nothing."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from python_app_template.core.delivery.faults import FatalError, MessageError, TransientError
from python_app_template.core.delivery.messages import Batch, Frame, Message, Span
from python_app_template.core.delivery.outcomes import Applied, Decision, InDoubt, NoEffect, Unmoved
from python_app_template.core.use_cases.process_batch import ProcessBatch
from tests.builders import P, Q, batch, message, offsets, position
from tests.fakes.clock import FakeClock
from tests.fakes.database import Database
from tests.fakes.faults import Fault
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.unit.use_cases.worker import refused

State = list[int]


def database(next_offset: int = 0) -> Database[str, State]:
    return Database([], rows={P: position(next_offset)})


def want(commands: Sequence[int]) -> frozenset[int]:
    if 99 in commands:
        raise LookupError("99 can't be wanted")
    return frozenset(commands)


def decide(command: int, state: State) -> Decision[str]:
    """Write the command down; 13 is a bug, and what was written down is a duplicate."""
    if command == 13:
        raise ZeroDivisionError("13")
    if command in state:
        return NoEffect.DUPLICATE
    state.append(command)
    return [f"did {command}", f"done {command}"]


def processing(
    db: Database[str, State], clock: FakeClock | None = None
) -> ProcessBatch[int, str, frozenset[int], State]:
    def begin() -> FakeUnitOfWork[str, frozenset[int], State]:
        return FakeUnitOfWork(db)

    return ProcessBatch(begin, want, decide, clock or FakeClock())


async def test_positions_and_effects_are_committed_together() -> None:
    db = database()
    applied = await processing(db, FakeClock(60.0))(batch(0, 1))
    assert isinstance(applied, Applied)
    assert (db.state, db.rows[P].next_offset, db.commits) == ([0, 1], 2, 1)
    assert [f.event for f in db.facts] == ["did 0", "done 0", "did 1", "done 1"]
    assert [f.cause.offset for f in db.facts] == [0, 0, 1, 1]
    assert {f.occurred_at.minute for f in db.facts} == {1}
    assert applied.outcome.facts == db.facts
    assert offsets(applied.outcome.consumed) == [0, 1]


async def test_dead_letters_and_duplicates_are_consumed_too() -> None:
    db = database()
    again = Message(message(2).record, "test", 0)
    result = await processing(db)(Batch([message(0), refused(message(1)), again], [Span(P, 1, 0, 3)]))
    assert isinstance(result, Applied)
    assert offsets(result.outcome.consumed) == [0, 1, 2]
    assert result.outcome.duplicates == [again]
    assert [(letter.record.offset, letter.why.reason) for letter in db.dead_letters] == [(1, "undecodable")]


async def test_a_batch_without_messages_moves_its_rows_and_loads_nothing() -> None:
    db = database(3)
    assert isinstance(await processing(db)(Batch((), [Span(P, 1, 3, 9)])), Applied)
    assert (db.rows[P].next_offset, db.state) == (9, [])


async def test_where_a_row_did_not_move_nothing_is_done() -> None:
    db = database()
    db.rows[Q] = replace(position(5, Q), epoch=4)
    both = Batch([message(0), message(5, Q)], [Span(P, 1, 0, 1), Span(Q, 3, 5, 6)])
    assert await processing(db)(both) == Unmoved([db.rows[Q]])
    assert (db.state, db.facts, db.rows[P].next_offset, db.commits) == ([], [], 0, 0)


async def test_a_row_that_is_gone_did_not_move() -> None:
    db = Database[str, State]([])
    result = await processing(db)(batch(0))
    assert isinstance(result, Unmoved)
    assert db.commits == 0


async def test_a_lost_answer_is_a_doubt_with_its_outcome() -> None:
    db = database()
    db.faults.script = {4: Fault.LOST}
    result = await processing(db)(batch(0))
    assert isinstance(result, InDoubt)
    assert str(result.fault) == "the answer was lost"
    assert offsets(result.outcome.consumed) == [0]
    assert db.rows[P].next_offset == 1


@pytest.mark.parametrize("call", range(1, 5))
async def test_a_passing_fault_rolls_everything_back(call: int) -> None:
    db = database()
    db.faults.script = {call: Fault.TRANSIENT}
    with pytest.raises(TransientError):
        await processing(db)(batch(0, 1))
    assert (db.state, db.facts, db.rows[P].next_offset) == ([], [], 0)
    assert isinstance(await processing(db)(batch(0, 1)), Applied)


async def test_a_bug_in_a_handler_is_about_a_message_and_changes_nothing() -> None:
    db = database()
    with pytest.raises(MessageError, match="ZeroDivisionError: 13"):
        await processing(db)(batch(12, 13, start=0))
    assert (db.state, db.commits) == ([], 0)


async def test_a_bug_in_naming_what_is_wanted_is_about_a_message() -> None:
    db = database()
    with pytest.raises(MessageError, match="LookupError"):
        await processing(db)(batch(1, 99, start=0))


async def test_an_event_that_can_not_be_encoded_is_about_a_message() -> None:
    def encode(_facts: object) -> list[Frame]:
        raise UnicodeError("no")

    db = database()
    db.encode = encode
    with pytest.raises(MessageError, match="UnicodeError"):
        await processing(db)(batch(1, start=0))


async def test_what_is_no_bug_of_the_domain_keeps_its_kind() -> None:
    def away(_command: int, _state: State) -> Decision[str]:
        raise FatalError("a right is missing")

    def begin() -> FakeUnitOfWork[str, frozenset[int], State]:
        return FakeUnitOfWork(database())

    with pytest.raises(FatalError):
        await ProcessBatch(begin, want, away, FakeClock())(batch(0))
