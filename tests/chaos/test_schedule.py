"""A schedule is data, and the seed alone decides it."""

from itertools import islice, pairwise

import pytest

from python_app_template.settings.failpoints import parse
from tests.benchmark.load import BATCHES_PER_SKU, EMPTY_SKUS, SKUS
from tests.chaos.catalogue import LONG_LANES, MINUTE, QUICK_LANES, SLOW_LANES, TRANSACTION_SECONDS, Kind
from tests.chaos.choice import EXPIRED, KINDS, chosen
from tests.chaos.load import unsent
from tests.chaos.rounds import by_target
from tests.chaos.schedule import Plan, plan

SECONDS = 40.0
LANES = (*QUICK_LANES, *SLOW_LANES, *LONG_LANES)
LONG_SECONDS = 400.0
TARGETS = {lane.name: lane.targets for lane in LANES}
KIND: dict[str, Kind] = {kind.name: kind for lane in LANES for kind in lane.kinds}


def test_the_same_seed_makes_the_same_schedule() -> None:
    assert plan(7, 3, SECONDS) == plan(7, 3, SECONDS)


def test_another_seed_and_another_round_make_another() -> None:
    assert len({plan(seed, number, SECONDS).faults for seed in range(3) for number in range(3)}) == 9


@pytest.mark.parametrize("seed", range(5))
def test_faults_are_of_their_lanes_kinds_within_the_round_and_as_long_as_the_kind_allows(seed: int) -> None:
    faults = [fault for number in range(10) for fault in plan(seed, number, SECONDS).faults]
    assert faults
    for fault in faults:
        kind = KIND[fault.kind]
        assert 0 <= fault.at < SECONDS
        assert kind.shortest - 0.001 <= fault.seconds <= kind.longest + 0.001
        assert 0 <= fault.target < TARGETS[fault.lane]


def test_every_kind_comes_up() -> None:
    seen = {fault.kind for number in range(60) for fault in plan(1, number, SECONDS).faults}
    assert seen == KIND.keys()
    assert any(plan(1, number, SECONDS).compacted for number in range(60))


def test_servers_and_processes_die_in_each_slow_round() -> None:
    for number in range(6):
        assert {lane.name for lane in SLOW_LANES} <= {
            fault.lane for fault in plan(1, number, SECONDS, slow=True).faults
        }


def test_the_faults_of_one_target_wait_for_each_other() -> None:
    for number in range(10):
        for faults in by_target(plan(1, number, SECONDS).faults):
            assert all(one.at + one.seconds <= next_.at + 0.002 for one, next_ in pairwise(faults))


def test_every_process_gets_failpoints_that_the_service_understands() -> None:
    for number in range(20):
        drawn = plan(1, number, SECONDS)
        assert all(parse(process.failpoints) for process in drawn.processes)
        roles = ",".join(process.roles for process in drawn.processes)
        assert "worker" in roles
        assert "relay" in roles


@pytest.mark.parametrize("name", sorted(KINDS))
def test_rounds_of_one_kind_have_it_and_no_other(name: str) -> None:
    rounds = [plan(1, number, SECONDS, only=chosen(name)) for number in range(20)]
    assert set().union(*map(kinds_in, rounds)) == {name}
    assert rounds[3] == plan(1, 3, SECONDS, only={name})


def test_what_is_before_the_dot_means_all_of_its_kinds() -> None:
    assert chosen("mail , failpoint.crash") == {name for name in KINDS if name.startswith("mail.")} | {
        "failpoint.crash"
    }


def test_a_kind_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"^no kind of fault 'postgres\.gone'; there are .*postgres\.away"):
        chosen("broker,postgres.gone")


def test_outages_of_a_minute_come_one_after_the_other_in_a_round_that_is_long_enough() -> None:
    minutes = plan(1, 0, LONG_SECONDS, only=chosen("postgres.minute_away,broker.minute_away"))
    for kind in ("postgres.minute_away", "broker.minute_away"):
        starts = [fault.at for fault in minutes.faults if fault.kind == kind]
        assert len(starts) >= 5
        assert all(later - earlier >= MINUTE for earlier, later in pairwise(starts))


def test_what_is_done_to_one_server_waits_for_what_was_done_to_it_by_whatever_lane() -> None:
    (faults,) = by_target(plan(1, 0, LONG_SECONDS, only=chosen("broker")).faults)
    assert {fault.kind for fault in faults} == chosen("broker")
    assert all(one.at + one.seconds <= next_.at + 0.002 for one, next_ in pairwise(faults))


def kinds_in(drawn: Plan) -> set[str]:
    """What a round may have of the table's kinds."""
    terms = [term for process in drawn.processes for every in parse(process.failpoints).values() for term in every]
    at_failpoints = {EXPIRED if term.seconds > TRANSACTION_SECONDS else f"failpoint.{term.action}" for term in terms}
    return {fault.kind for fault in drawn.faults} | at_failpoints | ({"log.compacted"} if drawn.compacted else set())


def test_at_full_speed_the_faults_are_the_same_and_the_messages_the_benchmarks() -> None:
    drawn = plan(1, 0, SECONDS)
    full = drawn.at_full_speed()
    assert (full.faults, full.processes) == (drawn.faults, drawn.processes)
    assert full.batch_size > drawn.batch_size
    stock = SKUS * BATCHES_PER_SKU + EMPTY_SKUS
    values = [value or b"" for value, _, _ in islice(unsent(full), stock + 10)]
    assert all(b'"batch.created"' in value for value in values[:stock])
    assert any(b'"order.placed"' in value for value in values[stock:])
