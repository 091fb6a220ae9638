"""What a person has to decide about the input topic: its partitions stand still and say so, the others go on."""

import json

import pytest

from python_app_template.settings import Settings
from tests.clients import World, batch, key_of, order
from tests.compaction import compact
from tests.e2e.conftest import Launch
from tests.e2e.halting import PARTITIONS, allocated_orders, foreseen, set_positions, until_halted, until_resumed
from tests.processes import wait_until
from tests.servers import Kafka
from tests.surroundings import Topics, create_topics

pytestmark = pytest.mark.servers


def test_an_input_topic_deleted_and_made_again_halts_its_partitions_until_it_is_accepted(
    launch: Launch, world: World, kafka: Kafka, topics: Topics, settings: Settings
) -> None:
    service = launch().until_ready()
    world.send(*[batch(f"b{n}", f"S{n}") for n in range(20)])
    world.events(20)
    world.delete_topics([topics.input])
    until_halted(service, "topic_deleted", PARTITIONS, "topics create")
    gone = f"there is no topic {topics.input}"
    wait_until(lambda: service.failing().get("consumer group") == gone, 30, service.explain)
    create_topics(kafka, topics)
    until_halted(service, "topic_recreated", PARTITIONS)
    world.send(*[order(f"o{n}", (f"S{n % 20}", 1)) for n in range(60)])
    assert service.terminate() == 0
    service.start()
    wait_until(lambda: bool(service.lines("part.halted")), 60, service.explain)
    until_halted(service, "topic_recreated", PARTITIONS)
    assert len(world.all_events()) == 20
    set_positions(settings, "--all", "--accept-topic", "--offset", "earliest")
    assert allocated_orders(world.events(80)) == sorted(f"o{n}" for n in range(60))
    until_resumed(service)


def test_a_log_cut_below_the_position_halts_that_partition_and_the_others_go_on(
    launch: Launch, world: World, settings: Settings
) -> None:
    world.send(*[batch(f"b{n}", f"S{n}") for n in range(20)])
    service = launch().until_ready()
    world.events(20)
    assert service.terminate() == 0
    lost = world.send(*[order(f"lost-{n}", (f"S{n}", 1)) for n in range(5)], partition=1)
    world.delete_records({1: lost[-1].offset + 1})
    world.send(*[order(f"o{n}", (f"S{n}", 1)) for n in range(5)], partition=1)
    service.start()
    wait_until(lambda: bool(service.lines("part.halted")), 60, service.explain)
    assert foreseen(service, "positions") == f"{world.kafka.input_topic}, partition 1: log_truncated"
    until_halted(service, "log_truncated", {"partition-1"})
    world.send(*[order(f"p0-{n}", (f"S{n}", 1)) for n in range(5)], partition=0)
    world.send(*[order(f"p2-{n}", (f"S{n}", 1)) for n in range(5)], partition=2)
    events = world.events(30)
    others = sorted(f"p{p}-{n}" for p in (0, 2) for n in range(5))
    assert allocated_orders(events) == others
    set_positions(settings, "--partition", "1", "--offset", "earliest")
    assert allocated_orders(world.events(35)) == sorted([*others, *(f"o{n}" for n in range(5))])
    until_resumed(service)
    assert service.terminate() == 0


def test_retention_that_took_only_what_was_consumed_halts_nothing(launch: Launch, world: World) -> None:
    world.send(*[batch(f"b{n}", f"S{n}") for n in range(20)])
    service = launch().until_ready()
    world.events(20)
    assert service.terminate() == 0
    world.delete_records(world.log_ends())
    service.start().until_ready()
    world.send(*[order(f"o{n}", (f"S{n}", 1)) for n in range(20)])
    assert len(world.events(40)) == 40
    assert not service.lines("part.halted")


def test_gaps_that_compaction_leaves_halt_nothing_even_at_the_position(launch: Launch, world: World) -> None:
    """The topic is compacted for a while, as somebody may do by mistake: what is left of an id is applied."""
    world.send(*[batch(f"b{n}", f"S{n}") for n in range(20)])
    service = launch().until_ready()
    world.events(20)
    assert service.terminate() == 0
    orders = [order(f"o{n}", (f"S{n}", qty)) for qty in (1, 2, 3) for n in range(5)]
    assert compact(world, [(json.dumps(body).encode(), key_of(body), ()) for body in orders], [1]) == 10
    service.start().until_ready()
    world.send(*[order(f"p{n}", (f"S{n}", 4)) for n in range(5)], partition=1)
    allocated = [e.body for e in world.events(30) if e.body["type"] == "line.allocated"]
    assert sorted((body["order_id"], body["qty"]) for body in allocated) == [
        *((f"o{n}", 3) for n in range(5)),
        *((f"p{n}", 4) for n in range(5)),
    ]
    assert not service.lines("part.halted")


def test_partitions_added_to_the_input_topic_are_consumed_and_asked_for_at_the_next_start(
    launch: Launch, world: World, topics: Topics, settings: Settings
) -> None:
    """No halt: a new partition begins at its log's start. That none but new keys go there is up to the producers."""
    often = {"APP_KAFKA__CLIENT": json.dumps({"topic.metadata.refresh.interval.ms": 500})}
    service = launch(**often).until_ready()
    world.send(batch("b", "CHAIR"))
    world.events(1)
    world.add_partitions(topics.input, 4)
    producer = World(settings)  # one that has not heard of fewer
    producer.send(order("o", ("CHAIR", 1)), partition=3)
    assert allocated_orders(world.events(2)) == ["o"]
    assert service.terminate() == 0
    assert service.start().wait() == 3
    assert "has 4 partitions instead of 3" in service.log()
    service.environment["APP_KAFKA__INPUT_PARTITIONS"] = "4"
    service.start().until_ready()
    producer.send(order("p", ("CHAIR", 1)), partition=3)
    assert allocated_orders(world.events(3)) == ["o", "p"]


def test_another_group_on_the_same_database_is_refused_until_it_is_handed_over(
    launch: Launch, world: World, settings: Settings
) -> None:
    """It would apply everything again."""
    service = launch().until_ready()
    world.send(*[batch(f"b{n}", f"S{n}") for n in range(20)])
    world.events(20)
    assert service.terminate() == 0
    other = launch("other", APP_KAFKA__GROUP_ID="another")
    wait_until(lambda: bool(other.lines("part.halted")), 60, other.explain)
    assert foreseen(other, "positions").count("other_group") == 3
    until_halted(other, "other_group", PARTITIONS)
    assert len(world.all_events()) == 20
    set_positions(settings, "--all", "--group", "another")
    world.send(*[order(f"o{n}", (f"S{n}", 1)) for n in range(20)])
    assert allocated_orders(world.events(40)) == sorted(f"o{n}" for n in range(20))
    until_resumed(other)
