"""The worker's loop, and a world in which everything goes wrong at once."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from python_app_template.core.delivery.faults import FatalError
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.outcomes import Decision
from python_app_template.core.delivery.signals import Identified
from tests.builders import GROUP, TOPIC_ID, P, Q
from tests.fakes.clock import FakeClock
from tests.fakes.database import Database
from tests.fakes.faults import Fault, Faults
from tests.fakes.source import FakeSource, Quirk
from tests.unit.use_cases.worker import (
    Journal,
    Place,
    Worker,
    decide,
    journal,
    journal_log,
    place,
    refused,
    want,
)

Logs = dict[Partition, list[int]]


def source(logs: Logs, *, end: int | None = None, assign: bool = True) -> FakeSource[Place]:
    found = FakeSource({p: journal_log(p, *offsets, end=end) for p, offsets in logs.items()}, FakeClock())
    if assign:
        found.assign(*logs)
    return found


def database() -> Database[Place, Journal]:
    return Database([])


def applied(db: Database[Place, Journal], partition: Partition = P) -> list[int]:
    """Offsets of what was applied, in the order of it; the tables and the events agree."""
    assert [f.event for f in db.facts] == db.state
    return [offset for p, offset in db.state if p == partition]


async def test_everything_is_applied_in_order_and_the_rows_stand_at_the_logs_ends() -> None:
    db, logs = database(), source({P: list(range(10)), Q: [3, 5, 9]}, end=12)
    worker = journal(db, logs)
    await worker.run()
    assert (applied(db, P), applied(db, Q)) == (list(range(10)), [3, 5, 9])
    assert {p: row.next_offset for p, row in db.rows.items()} == {P: 12, Q: 12}
    assert {row.claims for row in db.rows.values()} == {0}
    assert len(worker.seen.consumed) == 13


async def test_the_broker_is_told_what_was_consumed() -> None:
    db, logs = database(), source({P: list(range(6))})
    await journal(db, logs).run()
    assert [(s.start, s.end) for s in logs.told] == [(0, 4), (4, 6)]


async def test_a_partition_never_seen_before_starts_at_its_logs_start() -> None:
    db, logs = database(), source({P: []})
    logs.logs[P] = journal_log(P, 7, 8, start=7)
    await journal(db, logs).run()
    assert applied(db) == [7, 8]


async def test_a_claim_is_not_made_for_an_assignment_that_is_gone() -> None:
    db, logs = database(), source({P: [0, 1]})
    logs.revoke(P)
    logs.assign(P)
    await journal(db, logs).run()
    assert (applied(db), db.rows[P].epoch) == ([0, 1], 1)


async def test_a_claim_waits_for_the_broker_and_for_the_database() -> None:
    db, logs = database(), source({P: [0, 1]})
    logs.faults.script = {1: Fault.TRANSIENT, 3: Fault.TRANSIENT}
    db.faults.script = {1: Fault.LOST, 2: Fault.TRANSIENT}
    await journal(db, logs).run()
    assert applied(db) == [0, 1]


async def test_a_healthy_partition_goes_on_beside_a_halted_one() -> None:
    db, logs = database(), source({P: [0, 1], Q: [0, 1]})
    db.set_position(P, 0, group="another", topic_id=TOPIC_ID)
    worker = journal(db, logs)
    await worker.run()
    assert (applied(db, P), applied(db, Q)) == ([], [0, 1])
    assert db.rows[P].epoch == 1
    assert ("partition-0", "other_group") in [(part, why.reason) for part, why in worker.reports if why]


async def test_a_partition_that_is_let_go_is_no_longer_reported_as_halted() -> None:
    db, logs = database(), source({P: [0, 1]})
    db.set_position(P, 0, group="another", topic_id=TOPIC_ID)
    worker = journal(db, logs)
    logs.before = lambda n: logs.revoke(P) if n == 8 else None
    await worker.run()
    assert worker.halted() == {}
    assert db.rows[P].claims == 0


@pytest.mark.parametrize("next_offset", [3, 0])
async def test_a_halted_partition_goes_on_when_its_row_was_set(next_offset: int) -> None:
    db, logs = database(), source({P: list(range(6))})
    db.set_position(P, 0, group="another", topic_id=TOPIC_ID)

    def hand_over(number: int) -> None:
        if number == 8:
            db.set_position(P, next_offset, group=GROUP, topic_id=TOPIC_ID)

    logs.before = hand_over
    worker = journal(db, logs)
    await worker.run()
    assert applied(db) == list(range(next_offset, 6))
    assert worker.halted() == {}


async def test_a_look_that_fails_is_taken_again() -> None:
    db, logs = database(), source({P: [0]})
    db.set_position(P, 0, group="another", topic_id=TOPIC_ID)
    db.faults.script, logs.patience = {2: Fault.TRANSIENT}, 60
    logs.before = lambda n: db.set_position(P, 0, group=GROUP, topic_id=TOPIC_ID) if n == 8 else None
    await journal(db, logs).run()
    assert applied(db) == [0]


@pytest.mark.parametrize(("next_offset", "again"), [(2, [2, 3]), (4, [])])
async def test_an_idle_partition_goes_on_where_its_row_was_set(next_offset: int, again: list[int]) -> None:
    """No message comes, and a look at the row fails once."""
    db, logs = database(), source({P: [0, 1, 2, 3]})
    logs.patience = 60

    def move(number: int) -> None:
        if number == 8:
            db.set_position(P, next_offset, group=GROUP, topic_id=TOPIC_ID)
            db.faults.script = {db.faults.calls + 1: Fault.TRANSIENT}

    logs.before = move
    await journal(db, logs).run()
    assert applied(db) == [0, 1, 2, 3, *again]
    assert logs.starts[-1] == (P, next_offset)


async def test_a_topic_made_anew_is_not_consumed() -> None:
    db, logs = database(), source({P: list(range(9))})

    def make_anew(number: int) -> None:
        if number == 3:
            logs.logs[P].topic_id = "new"
            logs.signals.append(Identified(P.topic, "new"))

    logs.before = make_anew
    await journal(db, logs).run()
    assert applied(db) == [0, 1, 2, 3]
    assert (P, 4) not in logs.starts


async def test_a_truncated_log_halts() -> None:
    db, logs = database(), source({P: list(range(9))})
    db.set_position(P, 2, group=GROUP, topic_id=TOPIC_ID)
    logs.logs[P].start = 5
    worker = journal(db, logs)
    logs.patience = 10
    await worker.run()
    assert applied(db) == []
    assert [why.reason for _, why in worker.reports if why] == ["log_truncated"]


async def test_a_stolen_partition_that_is_still_assigned_is_claimed_again() -> None:
    db, logs = database(), source({P: list(range(12))})
    db.steals = {2: P, 4: P}
    await journal(db, logs).run()
    assert applied(db) == list(range(12))
    assert db.rows[P].epoch == 5


async def test_a_release_that_fails_does_no_harm() -> None:
    db, logs = database(), source({P: []})
    db.faults.script, logs.patience = {2: Fault.TRANSIENT}, 5
    await journal(db, logs).run()
    assert db.rows[P].claims == 1


async def test_graceful_restarts_are_no_deaths() -> None:
    db = database()
    for _ in range(5):
        await journal(db, source({P: []})).run()
    assert (db.rows[P].epoch, db.rows[P].claims, db.rows[P].suspect_end) == (5, 0, None)


async def test_a_fatal_error_ends_the_worker() -> None:
    db, logs = database(), source({P: [0]})

    def missing(_command: Place, _journal: Journal) -> Decision[Place]:
        raise FatalError("a table is missing")

    with pytest.raises(FatalError):
        await Worker(db, logs, want, missing).run()


async def live(db: Database[Place, Journal], logs: Logs) -> int:
    """Run the worker until it ends in good order, a new process after each death; return the deaths."""
    for deaths in range(500):
        try:
            await journal(db, source(logs)).run()
        except SystemExit:
            continue
        return deaths
    raise AssertionError("it dies for ever")


@pytest.mark.parametrize("deadly", [[0], [11], [39], [3, 4], [2, 30]])
async def test_a_message_that_ends_the_process_is_found_out(deadly: list[int]) -> None:
    db = database()
    db.deadly = lambda facts, _letters: any(f.event[1] in deadly for f in facts)
    deaths = await live(db, {P: list(range(40))})
    assert [d.record.offset for d in db.dead_letters] == deadly
    assert db.dead_letters[0].why.detail == "ended the process 2 times when it was tried alone"
    assert applied(db) == [n for n in range(40) if n not in deadly]
    assert deaths <= 5 * len(deadly)


async def test_an_announcement_whose_answer_was_lost_is_no_death() -> None:
    db = database()
    await journal(db, source({P: []})).run()
    db.rows[P] = replace(db.rows[P], suspect_end=5)
    db.faults = Faults({2: Fault.LOST, 3: Fault.LOST, 4: Fault.LOST, 5: Fault.TRANSIENT})
    await journal(db, source({P: list(range(5))})).run()
    assert (applied(db), db.dead_letters) == ([0, 1, 2, 3, 4], [])


async def test_a_suspect_whose_partition_is_lost_again_and_again_is_not_condemned() -> None:
    db = database()
    await journal(db, source({P: []})).run()
    db.rows[P] = replace(db.rows[P], suspect_end=5)
    db.steals = dict.fromkeys(range(1, 8), P)
    await journal(db, source({P: list(range(5))})).run()
    assert (applied(db), db.dead_letters) == ([0, 1, 2, 3, 4], [])


async def test_a_death_at_one_suspect_is_not_made_good_by_the_one_before_it() -> None:
    """This process announced 0 and lived; 1 has ended two others: that it tries 1 first is no reason to try it."""
    db = database()
    await journal(db, source({P: []})).run()
    db.rows[P] = replace(db.rows[P], suspect_end=5)
    logs = source({P: list(range(3))})

    def count_deaths(command: Place, journal: Journal) -> Decision[Place]:
        if command == (P, 0):
            db.trying[P] = (1, 2)
        return decide(command, journal)

    await Worker(db, logs, want, count_deaths).run()
    assert (applied(db), [d.record.offset for d in db.dead_letters]) == ([0, 2], [1])


async def test_an_announcement_is_waited_for_longer_each_time() -> None:
    db = database()
    await journal(db, source({P: []})).run()
    db.rows[P] = replace(db.rows[P], suspect_end=5)
    logs = source({P: [0]})
    db.faults = Faults(dict.fromkeys(range(2, 5), Fault.TRANSIENT))
    waits: list[float] = []
    sleep = logs.clock.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(seconds)

    logs.clock.sleep = noted  # type: ignore[method-assign]
    await journal(db, logs).run()
    assert waits[:3] == [pytest.approx(0.1), pytest.approx(0.2), pytest.approx(0.3)]


async def test_a_halt_stops_the_delivery_and_a_start_is_told_by_its_part() -> None:
    db, logs = database(), source({P: [0, 1], Q: [0, 1]})
    stopped: list[tuple[Partition, int]] = []
    logs.stop = lambda partition, assignment: stopped.append((partition, assignment))  # type: ignore[method-assign]
    db.set_position(P, 0, group="another", topic_id=TOPIC_ID)
    worker = journal(db, logs)
    await worker.run()
    assert stopped == [(P, 1)]
    assert [part for part, why in worker.reports if why is None and part != "partition-0"] == 2 * ["partition-1"]


async def test_a_halted_partition_whose_row_nobody_touched_is_not_claimed_again() -> None:
    db, logs = database(), source({P: [0, 1]})
    db.set_position(P, 0, group="another", topic_id=TOPIC_ID)
    logs.patience = 60
    worker = journal(db, logs)
    await worker.run()
    assert [part for part, why in worker.reports if why is not None] == ["partition-0"]


async def test_a_suspect_of_a_stolen_partition_is_dropped_with_those_behind_it() -> None:
    db = database()
    await journal(db, source({P: []})).run()
    db.rows[P] = replace(db.rows[P], suspect_end=8)
    db.steals = {1: P}
    logs = source({P: list(range(8))})
    await journal(db, logs).run()
    assert applied(db) == list(range(8))
    assert db.transactions == 1 + 8


async def test_asked_to_stop_among_suspects_it_finishes_the_one_in_hand_and_leaves_the_others() -> None:
    db = database()
    await journal(db, source({P: []})).run()
    db.rows[P] = replace(db.rows[P], suspect_end=8)

    def stop_at_two(command: Place, journal: Journal) -> Decision[Place]:
        if command == (P, 2):
            worker.drain()
        return decide(command, journal)

    worker = Worker(db, source({P: list(range(8))}), want, stop_at_two)
    await worker.run()
    assert (applied(db), db.rows[P].claims) == ([0, 1, 2], 0)
    await journal(db, source({P: list(range(8))})).run()
    assert applied(db) == list(range(8))


async def test_two_processes_that_both_believe_in_their_assignment_double_nothing() -> None:
    db, logs = database(), {P: list(range(60))}
    first, second = source(logs), source(logs)
    first.size = 3
    one, other = journal(db, first), journal(db, second)
    await asyncio.gather(one.run(), other.run())
    assert applied(db) == list(range(60))
    assert len(one.seen.consumed) + len(other.seen.consumed) == 60


async def test_several_partitions_of_several_processes_come_to_the_same() -> None:
    db, logs = database(), {P: list(range(30)), Q: list(range(0, 60, 2))}
    sources = [source({P: logs[P]}), source(logs), source({Q: logs[Q]})]
    await asyncio.gather(*(journal(db, s).run() for s in sources))
    assert (applied(db, P), applied(db, Q)) == (logs[P], logs[Q])


FOUND_NOT_SHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Making a whole world smaller takes minutes."""
OFFSETS = st.sets(st.integers(0, 40), max_size=14).map(sorted)
SOME = st.sets(st.integers(0, 40), max_size=3)
MILD = st.sampled_from([Fault.TRANSIENT, Fault.REFUSED, Fault.LOST])
ANY = st.sampled_from(list(Fault))
PARTITIONS = st.sampled_from([P, Q])


@st.composite
def lives(draw: st.DrawFn, logs: Logs) -> FakeSource[Place]:
    """A process's view of the logs, with oddities; it loses its partitions and gets them again."""
    found = source(logs, end=45)
    found.size = draw(st.integers(1, 7))
    found.quirks = draw(st.dictionaries(st.integers(1, 8), st.sampled_from(Quirk), max_size=4))
    found.pauses = draw(st.sets(st.integers(1, 12), max_size=3))
    found.faults.script = draw(st.dictionaries(st.integers(1, 5), MILD, max_size=2))
    moves = draw(st.dictionaries(st.integers(1, 15), PARTITIONS, max_size=3))

    def before(number: int) -> None:
        if partition := moves.get(number):
            found.revoke(partition)
            found.assign(partition)

    found.before = before
    return found


async def see_through(data: st.DataObject, db: Database[Place, Journal], logs: Logs, undecodable: set[int]) -> int:
    """Live through at most ten odd lives; then a calm one."""
    deaths = 0
    for n in range(200):
        view = data.draw(lives(logs)) if n < 10 else source(logs, end=45)
        for log in view.logs.values():
            log.messages = [refused(m) if m.record.offset in undecodable else m for m in log.messages]
        try:
            await journal(db, view).run()
        except SystemExit:
            deaths += 1
            continue
        return deaths
    raise AssertionError("it dies for ever")


def check(db: Database[Place, Journal], logs: Logs) -> set[Place]:
    """Each message applied or dead-lettered, exactly once and in order; return those that `failed`."""
    letters = [(d.record.partition, d.record.offset) for d in db.dead_letters]
    for partition, offsets in logs.items():
        done = applied(db, partition)
        dead = [offset for p, offset in letters if p == partition]
        assert done == sorted(done)
        assert dead == sorted(dead)
        assert sorted(done + dead) == offsets
        assert db.rows[partition].next_offset == 45
    return {where for where, d in zip(letters, db.dead_letters, strict=True) if d.why.reason == "failed"}


def among(logs: Logs, wanted: set[int]) -> set[Place]:
    return {(p, offset) for p, offsets in logs.items() for offset in offsets if offset in wanted}


@given(st.data(), OFFSETS, OFFSETS, SOME, SOME, SOME, st.dictionaries(st.integers(1, 60), MILD, max_size=10))
@settings(max_examples=60, phases=FOUND_NOT_SHRUNK)
async def test_whatever_the_world_does_only_those_at_fault_are_condemned(
    data: st.DataObject,
    first: list[int],
    second: list[int],
    bad: set[int],
    heavy: set[int],
    undecodable: set[int],
    script: dict[int, Fault],
) -> None:
    logs, db = {P: first, Q: second}, database()
    db.poison = lambda facts, _letters: any(f.event[1] in bad for f in facts)
    db.heavy = lambda facts, _letters: any(f.event[1] in heavy for f in facts)
    db.faults.script = script
    db.steals = data.draw(st.dictionaries(st.integers(1, 25), PARTITIONS, max_size=4))
    await see_through(data, db, logs, undecodable)
    at_fault = {
        (p, offset) for p, offsets in logs.items() for offset in offsets if offset in (bad | heavy) - undecodable
    }
    assert check(db, logs) == at_fault


@given(st.data(), OFFSETS, OFFSETS, SOME, SOME, st.dictionaries(st.integers(1, 80), ANY, max_size=14))
@settings(max_examples=60, phases=FOUND_NOT_SHRUNK)
async def test_whatever_the_world_does_each_message_is_done_with_once_and_in_order(
    data: st.DataObject, first: list[int], second: list[int], bad: set[int], deadly: set[int], script: dict[int, Fault]
) -> None:
    logs, db = {P: first, Q: second}, database()
    db.poison = lambda facts, _letters: any(f.event[1] in bad for f in facts)
    db.deadly = lambda facts, _letters: any(f.event[1] in deadly for f in facts)
    db.faults.script = script
    db.steals = data.draw(st.dictionaries(st.integers(1, 25), PARTITIONS, max_size=4))
    await see_through(data, db, logs, set())
    assert check(db, logs) >= among(logs, bad | deadly)


async def test_a_command_sees_the_record_that_it_came_from() -> None:
    db, logs = database(), source({P: [4]})
    await Worker(db, logs, want, decide).run()
    assert db.facts[0].cause == place(4, P).record
