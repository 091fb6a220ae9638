"""Workers that share the partitions, join, leave and are killed: every line is accounted for once."""

import os
from collections.abc import Sequence

import pytest
from confluent_kafka import Producer

from python_app_template.settings import Settings
from tests.clients import World, batch, order
from tests.e2e.accounting import Told, violations
from tests.e2e.conftest import Launch
from tests.processes import ServiceProcess, wait_until
from tests.servers import Kafka
from tests.surroundings import shortest_session

pytestmark = pytest.mark.servers

ORDERS = int(os.environ.get("APP_TEST_ORDERS", "5000"))
"""100000 for the whole of what was promised."""

SKUS = 200


@pytest.fixture(params=["classic", pytest.param("consumer", marks=pytest.mark.slow)])
def membership(request: pytest.FixtureRequest, kafka: Kafka) -> dict[str, str]:
    """Variables of both group protocols, with members that are missed soon."""
    if request.param == "consumer":
        return {"APP_KAFKA__GROUP_PROTOCOL": "consumer", "APP_KAFKA__SESSION_TIMEOUT_MS": ""}
    return {"APP_KAFKA__SESSION_TIMEOUT_MS": shortest_session(kafka)}


def assigned(services: Sequence[ServiceProcess]) -> list[float]:
    return [service.metric("app_assigned_partitions") for service in services]


def all_is_committed(world: World) -> bool:
    return world.committed_offsets() == world.log_ends()


def test_partitions_are_shared_when_a_worker_joins_and_taken_over_when_it_leaves(
    launch: Launch, world: World, membership: dict[str, str]
) -> None:
    one = launch("one", **membership).until_ready()
    wait_until(lambda: assigned([one]) == [3], 60, one.explain)
    world.send(batch("b", "CHAIR", 10**6), *[batch(f"b{n}", f"S{n}", 10**6) for n in range(20)])
    world.events(21)
    two = launch("two", **membership).until_ready()
    for n in range(40):
        world.send(*[order(f"join-{n}-{i}", ("CHAIR", 1), (f"S{i}", 1), ("NEVER", 1)) for i in range(20)])
    wait_until(lambda: sorted(assigned([one, two])) == [1, 2], 60, lambda: one.explain() + two.explain())
    for n in range(20):
        world.send(*[order(f"leave-{n}-{i}", ("CHAIR", 1), (f"S{i}", 1), ("NEVER", 1)) for i in range(20)])
    assert two.terminate() == 0
    wait_until(lambda: assigned([one]) == [3], 60, one.explain)
    world.send(*[order(f"after-{i}", ("CHAIR", 1), (f"S{i}", 1), ("NEVER", 1)) for i in range(20)])
    wait_until(lambda: all_is_committed(world), 60, one.explain)
    assert one.terminate() == 0
    assert violations(Told(world.sent, world.all_events(), world.all_dead_letters())) == []
    shares = [sum(line["messages"] for line in s.lines("batch.settled")) for s in (one, two)]
    assert sum(shares) == len(world.sent), "each message is consumed by one of them, once"


@pytest.mark.slow
def test_kill_9_of_one_under_load_loses_and_doubles_nothing(
    launch: Launch, world: World, membership: dict[str, str]
) -> None:
    """Versions gapless, each SKU in one partition, every line accounted for once, as the issue demands."""
    one, two = launch("one", **membership).until_ready(), launch("two", **membership).until_ready()
    wait_until(lambda: sorted(assigned([one, two])) == [1, 2], 60, lambda: one.explain() + two.explain())
    world.send(*[batch(f"b{n}", f"S{n}", ORDERS) for n in range(SKUS)])
    world.events(SKUS)
    third = ORDERS // 3
    for start in range(0, ORDERS, third):
        world.send(
            *[
                order(f"o{n}", *[(f"S{(n * 7 + i * 13) % SKUS}", 1) for i in range(n % 3 + 1)])
                for n in range(start, min(start + third, ORDERS))
            ]
        )
        if start == third:
            assert not all_is_committed(world), "the worker was to be killed in mid-work"
            one.kill()
    wait_until(lambda: all_is_committed(world), 100, two.explain)
    assert two.terminate() == 0
    events = world.all_events()
    assert violations(Told(world.sent, events, world.all_dead_letters())) == []
    assert len(events) == SKUS + sum(n % 3 + 1 for n in range(ORDERS))


@pytest.mark.slow
def test_worker_and_relay_may_be_two_processes(launch: Launch, world: World) -> None:
    worker = launch("worker", APP_ROLES="worker").until_ready()
    world.send(batch("b", "CHAIR"), order("o", ("CHAIR", 1)), {"type": "odd", "order_id": "x"})
    wait_until(lambda: worker.metric("app_messages_consumed_total") == 3, 60, worker.explain)
    wait_until(lambda: worker.metric("app_outbox_pending") > 0, 60, worker.explain)
    assert worker.metric("app_events_published_total") == 0
    assert world.all_events() == []
    relay = launch("relay", APP_ROLES="relay").until_ready()
    assert len(world.events(2)) == 2
    assert len(world.dead_letters(1)) == 1
    wait_until(lambda: worker.metric("app_outbox_pending") == 0, 60, worker.explain)
    assert relay.metric("app_messages_consumed_total") == 0
    assert relay.metric("app_assigned_partitions") == 0
    assert [worker.terminate(), relay.terminate()] == [0, 0]
    assert violations(Told(world.sent, world.all_events(), world.all_dead_letters())) == []


@pytest.mark.slow
def test_a_second_relay_waits_and_takes_over_from_a_killed_one(launch: Launch, world: World) -> None:
    worker = launch("worker", APP_ROLES="worker")
    one = launch("one", APP_ROLES="relay").until_ready()
    world.send(batch("b", "CHAIR", 10**6))
    world.events(1)
    two = launch("two", APP_ROLES="relay").until_ready()
    world.send(*[order(f"o{n}", ("CHAIR", 1)) for n in range(3000)])
    wait_until(lambda: one.metric("app_events_published_total") > 1, 60, one.explain)
    one.kill()
    assert len(world.events(3001)) == 3001
    assert [worker.until_ready().terminate(), two.terminate()] == [0, 0]
    assert violations(Told(world.sent, world.all_events())) == []


def test_messages_are_read_committed_whatever_gaps_transactions_leave(
    launch: Launch, world: World, settings: Settings
) -> None:
    """Aborted ones are never applied, and the position gets past a log that ends with markers."""
    service = launch().until_ready()
    kafka = settings.kafka
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": f"x-{kafka.input_topic}"})
    producer.init_transactions(30)
    world.send(batch("b", "CHAIR"))
    world.events(1)
    for n in range(40):
        producer.begin_transaction()
        for partition in range(3):
            producer.produce(kafka.input_topic, f'{{"type":"odd {n}"}}', partition=partition)
        if n % 4 == 0:
            producer.commit_transaction(30)
        else:
            producer.flush(30)
            producer.abort_transaction(30)
    letters = world.dead_letters(30)
    wait_until(lambda: all_is_committed(world), 60, service.explain)
    wait_until(lambda: service.metric("app_consumer_lag") == 0, 60, service.explain)
    assert service.terminate() == 0
    assert len(world.all_dead_letters()) == len(letters) == 30
    seen = sorted({letter.value for letter in letters if letter.value})
    assert seen == sorted(f'{{"type":"odd {n}"}}'.encode() for n in range(0, 40, 4))
    assert len(world.read_to_end(kafka.input_topic, "read_uncommitted")) > 31, "aborted ones are in the log"
