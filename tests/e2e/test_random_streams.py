"""Random mixed streams through the real process, against the contract written again (tests/property/model.py)."""

import json
import os
import random
from collections.abc import Iterator

import pytest

from tests.clients import Body, Headers, World, batch, cancelled, key_of, order, quantity
from tests.e2e.accounting import Told, violations
from tests.e2e.conftest import Launch
from tests.e2e.replay import expected, told
from tests.processes import ServiceProcess, wait_until
from tests.servers import Kafka
from tests.surroundings import shortest_session

pytestmark = pytest.mark.servers

SEEDS = [int(seed) for seed in os.environ.get("APP_TEST_SEEDS", "2").split()]
MESSAGES = 1500
GARBAGE = [b"{", None, b"\xff", b"[]", b'{"type":"nonsense"}', b'{"type":"order.placed","order_id":"o1","lines":[]}']


def stream(chance: random.Random, count: int) -> Iterator[tuple[bytes | None, bytes | None, Headers]]:
    """Few names and small numbers, so that messages meet each other. All messages with one id have one key."""
    sent: list[Body] = []
    for _ in range(count):
        if chance.random() < 0.03:
            yield chance.choice(GARBAGE), chance.choice([None, b"o1", b"b1"]), ()
            continue
        body = chance.choice(sent) if sent and chance.random() < 0.1 else body_by(chance)
        sent.append(body)
        yield json.dumps(body).encode(), key_of(body), ()


def body_by(chance: random.Random) -> Body:
    """Draw one message."""
    sku = chance.choice(["CHAIR", "CHAIR", "LAMP", "TABLE", "RUG", "NEVER"])
    ref, order_id = f"b{chance.randrange(40)}", f"o{chance.randrange(600)}"
    match chance.randrange(10):
        case 0:
            eta = chance.choice([None, "2030-01-01", "2030-01-02", "0001-01-01"])
            return batch(ref, sku if sku != "NEVER" else "RUG", chance.randrange(40), eta)
        case 1 | 2:
            return quantity(ref, chance.randrange(40))
        case 3:
            return cancelled(order_id)
    skus = [chance.choice([sku, "CHAIR", "LAMP", "NEVER"]) for _ in range(chance.randint(1, 4))]
    return order(order_id, *[(sku, chance.choice([1, 1, 2, 5])) for sku in skus])


def hold_against_the_contract(world: World) -> None:
    events, letters = world.all_events(), world.all_dead_letters()
    assert violations(Told(world.sent, events, letters)) == []
    assert told(events, letters) == expected(world.kafka.input_topic, world.sent, events)


def consumed(*services: ServiceProcess) -> float:
    return sum(service.metric("app_messages_consumed_total") for service in services if service.running)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("batch_size", ["1000", "7"])
def test_what_comes_out_is_what_the_contract_says(world: World, launch: Launch, seed: int, batch_size: str) -> None:
    chance = random.Random(seed)
    world.send_records(stream(chance, MESSAGES // 2))
    service = launch(APP_CONSUMER__BATCH_SIZE=batch_size)
    world.send_records(stream(chance, MESSAGES // 2))
    service.until_ready()
    wait_until(lambda: consumed(service) == MESSAGES, 60, service.explain)
    assert service.terminate() == 0
    hold_against_the_contract(world)


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
