"""Whether work gets on: of the worker as a whole, and of each partition by itself."""

from typing import Any

import pytest

from python_app_template.core.delivery.messages import Message, Partition, Record
from python_app_template.core.delivery.outcomes import Outcome
from python_app_template.monitoring.monitoring import Monitoring
from tests.fakes.clock import FakeClock

STALLED = 60.0
TOPIC = "raw-push"
P, Q = Partition(TOPIC, 0), Partition(TOPIC, 1)


class Worker:
    """One that is looked at every second; everything it needs answers."""

    def __init__(self) -> None:
        self.clock, self.rounds = FakeClock(1000.0), 0
        self.monitoring = Monitoring(self.clock, "1", "test", STALLED)
        self.lags = {P: (10, 1.0), Q: (10, 1.0)}
        self.halts: set[str] = set()

    def settle(self, *partitions: Partition) -> None:
        messages: list[Message[Any]] = [Message(Record(p, 0, 0, None, b"{}"), "order.placed", None) for p in partitions]
        self.monitoring.watch.settled(Outcome(consumed=messages), {})

    def look(self, seconds: int, *moving: Partition, rounds: int = 1) -> None:
        for _ in range(seconds):
            self.clock.time += 1
            self.rounds += rounds
            if moving:
                self.settle(*moving)
            self.monitoring.observer.look_at_lag(TOPIC, 2, self.lags, self.halts, rounds=self.rounds)

    def dead(self) -> set[str]:
        return {check.name for check in self.monitoring.live() if not check.ok}


@pytest.fixture
def worker() -> Worker:
    return Worker()


def test_a_partition_that_stands_still_while_others_move_is_dead(worker: Worker) -> None:
    worker.look(61, Q)
    assert worker.dead() == set()
    worker.look(1, Q)
    assert worker.dead() == {"partition-0"}
    worker.look(1, P)
    assert worker.dead() == set()


def test_where_nothing_moves_the_worker_is_dead(worker: Worker) -> None:
    worker.look(62, rounds=0)
    assert worker.dead() == {"worker"}


def test_time_in_which_one_batch_is_in_hand_is_not_held_against_other_partitions(worker: Worker) -> None:
    """Where processes have died messages go one by one, thousands of them in one round."""
    worker.look(300, Q, rounds=0)
    assert worker.dead() == set()
    worker.look(59, Q)
    assert worker.dead() == set()
    worker.look(3, Q)
    assert worker.dead() == {"partition-0"}


@pytest.mark.parametrize("why", ["halted", "way out", "nothing waits", "another's"])
def test_a_partition_that_stands_still_for_a_reason_is_not_dead(worker: Worker, why: str) -> None:
    worker.look(30, Q)
    match why:
        case "halted":
            worker.halts.add("partition-0")
        case "way out":
            worker.monitoring.watch.pressed("1001 rows")
        case "nothing waits":
            worker.lags[P] = (0, 0.0)
        case _:
            del worker.lags[P]
    worker.look(100, Q)
    assert worker.dead() == set()


def test_once_the_way_out_is_free_a_partition_has_the_whole_time_again(worker: Worker) -> None:
    worker.monitoring.watch.pressed("1001 rows")
    worker.look(100)
    worker.monitoring.watch.pressed(None)
    worker.look(60, Q)
    assert worker.dead() == set()
    worker.look(2, Q)
    assert worker.dead() == {"partition-0"}
