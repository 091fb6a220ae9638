"""A schedule is data, and the seed alone decides it."""

from itertools import pairwise

import pytest

from python_app_template.settings.failpoints import parse
from tests.chaos.catalogue import LONG_LANES, QUICK_LANES, SLOW_LANES, Kind
from tests.chaos.rounds import by_target
from tests.chaos.schedule import plan

SECONDS = 40.0
LANES = (*QUICK_LANES, *SLOW_LANES, *LONG_LANES)
TARGETS = {lane.name: lane.targets for lane in LANES}
KINDS: dict[str, Kind] = {kind.name: kind for lane in LANES for kind in lane.kinds}


def test_the_same_seed_makes_the_same_schedule() -> None:
    assert plan(7, 3, SECONDS) == plan(7, 3, SECONDS)


def test_another_seed_and_another_round_make_another() -> None:
    assert len({plan(seed, number, SECONDS).faults for seed in range(3) for number in range(3)}) == 9


@pytest.mark.parametrize("seed", range(5))
def test_faults_are_of_their_lanes_kinds_within_the_round_and_as_long_as_the_kind_allows(seed: int) -> None:
    faults = [fault for number in range(10) for fault in plan(seed, number, SECONDS).faults]
    assert faults
    for fault in faults:
        kind = KINDS[fault.kind]
        assert 0 <= fault.at < SECONDS
        assert kind.shortest - 0.001 <= fault.seconds <= kind.longest + 0.001
        assert 0 <= fault.target < TARGETS[fault.lane]


def test_every_kind_comes_up() -> None:
    seen = {fault.kind for number in range(60) for fault in plan(1, number, SECONDS).faults}
    assert seen == KINDS.keys()
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
