"""A batch is seen through, whatever comes."""

import pytest

from python_app_template.core.delivery.breaker import Breaker
from python_app_template.core.delivery.faults import FatalError, MessageError
from python_app_template.core.delivery.messages import Batch
from python_app_template.core.use_cases.process_batch import ProcessBatch
from python_app_template.core.use_cases.settle_batch import SettleBatch, Settled
from tests.builders import P, batch, messages, offsets, position
from tests.fakes.clock import FakeClock
from tests.fakes.database import Database
from tests.fakes.faults import Fault
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.unit.use_cases.worker import refused

State = list[int]


def decide(command: int, state: State) -> list[int]:
    state.append(command)
    return [command]


def database() -> Database[int, State]:
    return Database([], rows={P: position(0)})


async def settle(
    db: Database[int, State], whole: Batch[int], clock: FakeClock | None = None, breaker: Breaker | None = None
) -> Settled[int]:
    clock = clock or FakeClock()

    def begin() -> FakeUnitOfWork[int, frozenset[int], State]:
        return FakeUnitOfWork(db)

    process = ProcessBatch(begin, frozenset, decide, clock)
    breaker = breaker or Breaker(in_a_row=10, share=0.9, window=100)
    return await SettleBatch(process, clock.pause, breaker)(whole)


async def test_in_an_outage_the_same_batch_is_tried_again_later_each_time() -> None:
    db, clock = database(), FakeClock()
    db.faults.script = dict.fromkeys(range(1, 5), Fault.TRANSIENT)
    settled = await settle(db, batch(0, 1), clock)
    assert (db.state, offsets(settled.outcome.consumed)) == ([0, 1], [0, 1])
    assert clock.time == pytest.approx(0.1 + 0.2 + 0.3 + 0.4)


@pytest.mark.parametrize("answers", [1, 2, 5])
async def test_lost_answers_double_nothing_and_are_waited_for(answers: int) -> None:
    db, clock = database(), FakeClock()
    for n in range(answers):
        db.faults.script |= {4 + 3 * n: Fault.REFUSED}
    settled = await settle(db, batch(0, 1), clock)
    assert (db.state, offsets(settled.outcome.consumed), settled.lost) == ([0, 1], [0, 1], frozenset())
    assert clock.time > 0


async def test_a_commit_that_took_effect_is_counted_once() -> None:
    db = database()
    db.faults.script = {4: Fault.LOST}
    settled = await settle(db, batch(0, 1))
    assert (db.state, offsets(settled.outcome.consumed), db.commits) == ([0, 1], [0, 1], 1)


async def test_a_poison_becomes_a_dead_letter_and_its_neighbours_go_through() -> None:
    db = database()
    db.poison = lambda facts, _letters: any(f.event == 3 for f in facts)
    settled = await settle(db, batch(*range(8)))
    assert db.state == [0, 1, 2, 4, 5, 6, 7]
    assert offsets(settled.outcome.consumed) == list(range(8))
    assert [(d.record.offset, d.why.reason) for d in db.dead_letters] == [(3, "failed")]


async def test_a_message_that_always_takes_too_long_becomes_one_too() -> None:
    db = database()
    db.heavy = lambda facts, _letters: any(f.event == 3 for f in facts)
    await settle(db, batch(*range(8)))
    assert db.state == [0, 1, 2, 4, 5, 6, 7]
    assert [(d.record.offset, d.why.reason) for d in db.dead_letters] == [(3, "failed")]


async def test_a_database_that_is_too_slow_for_everything_blames_nothing() -> None:
    db = database()
    db.faults.script = dict.fromkeys(range(1, 200), Fault.SLOW)
    settled = await settle(db, batch(*range(4)))
    assert (db.state, db.dead_letters, offsets(settled.outcome.consumed)) == ([0, 1, 2, 3], [], [0, 1, 2, 3])


async def test_a_store_that_refuses_dead_letters_too_is_no_messages_doing() -> None:
    db = database()
    db.poison = lambda facts, letters: bool(facts or letters)
    with pytest.raises(MessageError):
        await settle(db, batch(*range(4)))
    assert db.commits == 0


async def test_a_lost_partition_is_named_and_nothing_of_it_is_done() -> None:
    db = database()
    db.steal(P)
    settled = await settle(db, batch(0, 1))
    assert (settled.lost, settled.outcome.consumed, db.state) == (frozenset({P}), [], [])


async def test_too_many_failures_trip_the_breaker() -> None:
    db = database()
    db.poison = lambda facts, _letters: any(f.event in range(2, 6) for f in facts)
    with pytest.raises(FatalError, match="a bad deployment"):
        await settle(db, batch(*range(8)), breaker=Breaker(in_a_row=4, share=1.0, window=1000))
    assert len(db.dead_letters) == 4


async def test_garbage_from_a_producer_does_not_trip_it() -> None:
    db = database()
    garbage = Batch([refused(m) for m in messages(*range(8))], batch(*range(8)).spans)
    await settle(db, garbage, breaker=Breaker(in_a_row=2, share=0.1, window=4))
    assert len(db.dead_letters) == 8


async def test_after_a_success_the_waits_begin_anew() -> None:
    db, clock = database(), FakeClock()
    db.poison = lambda facts, _letters: len(facts) > 1
    first_half = 1 + 4 + 4  # the outage's one call, then four of the whole that is refused, and four of this half
    db.faults.script = {1: Fault.TRANSIENT, first_half + 1: Fault.TRANSIENT}
    await settle(db, batch(0, 1), clock)
    assert (db.state, db.commits, db.faults.script) == ([0, 1], 2, {})
    assert clock.time == pytest.approx(0.1 + 0.1)
