"""Random mixed streams through the real process, against the contract written again (python_app_template/audit)."""

import os
import random

import pytest

from tests.clients import World
from tests.e2e.accounting import Told, violations
from tests.e2e.conftest import Launch
from tests.processes import ServiceProcess, wait_until
from tests.servers import Kafka
from tests.streams import stream
from tests.surroundings import shortest_session

pytestmark = pytest.mark.servers

SEEDS = [int(seed) for seed in os.environ.get("APP_TEST_SEEDS", "2").split()]
MESSAGES = 1500


def hold_against_the_contract(world: World) -> None:
    events, letters = world.all_events(), world.all_dead_letters()
    assert violations(Told(world.sent, events, letters)) == []


def consumed(*services: ServiceProcess) -> float:
    return sum(service.metric("app_messages_consumed_total") for service in services if service.running)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("batch_size", ["1000", pytest.param("7", marks=pytest.mark.slow)])
def test_what_comes_out_is_what_the_contract_says(world: World, launch: Launch, seed: int, batch_size: str) -> None:
    chance = random.Random(seed)
    world.send_records(stream(chance, MESSAGES // 2))
    service = launch(APP_CONSUMER__BATCH_SIZE=batch_size)
    world.send_records(stream(chance, MESSAGES // 2))
    service.until_ready()
    wait_until(lambda: consumed(service) == MESSAGES, 60, service.explain)
    assert service.terminate() == 0
    hold_against_the_contract(world)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_with_two_workers_of_which_one_is_killed_and_comes_back(
    world: World, launch: Launch, kafka: Kafka, seed: int
) -> None:
    chance = random.Random(seed)
    small = {"APP_CONSUMER__BATCH_SIZE": "20", "APP_KAFKA__SESSION_TIMEOUT_MS": shortest_session(kafka)}
    one, two = launch("one", **small), launch("two", **small)
    one.until_ready()
    two.until_ready()
    for _ in range(2):
        world.send_records(stream(chance, MESSAGES // 6))
        one.kill()
        world.send_records(stream(chance, MESSAGES // 6))
        one.start().until_ready()
    wait_until(lambda: world.committed_offsets() == world.log_ends(), 90, two.explain)
    assert [one.terminate(), two.terminate()] == [0, 0]
    hold_against_the_contract(world)
