"""What a person has to decide: the part that it is about stands still and says so, the others go on."""

import signal
from collections.abc import Sequence

import pytest
from pydantic import SecretStr

from python_app_template.cli.app import run
from python_app_template.settings import Settings
from tests.clients import Received, World, batch, order, reason_of
from tests.command_line import given
from tests.e2e.conftest import Launch
from tests.processes import ServiceProcess, wait_until
from tests.servers import Kafka, Postgres
from tests.sql import run_sql
from tests.surroundings import Topics, create_topics, name_of_its_own

pytestmark = pytest.mark.servers


def halted(service: ServiceProcess, reason: str, parts: set[str]) -> bool:
    """Whether just these parts are halted, for this reason, by metric and by health."""
    found = {
        (dict(labels)["part"], dict(labels)["reason"])
        for (name, labels), value in service.samples().items()
        if name == "app_halted" and value
    }
    return found == {(part, reason) for part in parts} and parts <= service.failing().keys()


def foreseen(service: ServiceProcess, check: str) -> str:
    """What preflight warned of, though it let the service start."""
    (line,) = [line for line in service.lines("preflight") if line["name"] == check]
    assert (line["level"], line["ok"]) == ("warning", True)
    assert line["remedy"]
    return str(line["found"])


def until_halted(service: ServiceProcess, reason: str, parts: set[str]) -> None:
    wait_until(lambda: halted(service, reason, parts), 60, service.explain)
    lines = [line for line in service.lines("part.halted") if line["part"] in parts][-len(parts) :]
    assert {line["reason"] for line in lines} == {reason}
    assert all(line["remedy"] for line in lines)
    assert service.get("/health/live").status_code == 200, "not dead"


PARTITIONS = {f"partition-{n}" for n in range(3)}


def set_positions(settings: Settings, *arguments: str) -> None:
    """What the operator decides; whoever is halted goes on by itself."""
    assert run([*given(settings), "positions", "set", *arguments, "--reason", "a test"]) == 0


def until_resumed(service: ServiceProcess) -> None:
    wait_until(lambda: not service.failing(), 60, service.explain)
    assert service.lines("part.resumed")


def allocated_orders(events: Sequence[Received]) -> list[str]:
    return sorted(e.body["order_id"] for e in events if e.body["type"] == "line.allocated")


def test_an_input_topic_deleted_and_made_again_halts_its_partitions_until_it_is_accepted(
    launch: Launch, world: World, kafka: Kafka, topics: Topics, settings: Settings
) -> None:
    service = launch().until_ready()
    world.send(*[batch(f"b{n}", f"S{n}") for n in range(20)])
    world.events(20)
    world.delete_topics([topics.input])
    until_halted(service, "topic_deleted", PARTITIONS)
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


@pytest.mark.parametrize("which", [1, 2, 3], ids=["allocations", "dead letters", "positions"])
def test_a_topic_that_the_relay_writes_to_made_again_halts_the_relay_until_it_is_accepted(
    launch: Launch, world: World, kafka: Kafka, topics: Topics, settings: Settings, which: int
) -> None:
    """The positions topic's cursor is lost besides: the outbox's first row is the last one that is published."""
    service = launch().until_ready()
    world.send(batch("b", "CHAIR"))
    world.events(1)
    world.delete_topics([topics[which]])
    create_topics(kafka, topics)
    until_halted(service, "topic_recreated", {"relay"})
    world.send(order("o", ("CHAIR", 1)), {"type": "odd", "order_id": "x"})
    wait_until(lambda: service.metric("app_messages_consumed_total") == 3, 60, service.explain)
    wait_until(lambda: service.metric("app_outbox_pending") > 0, 60, service.explain)
    assert world.read_to_end(topics[which]) == []
    assert len(world.all_events()) == (0 if which == 1 else 1), "nothing is published"
    set_positions(settings, "--topic", topics[which], "--accept-topic")
    if which == 3:
        until_halted(service, "cursor_lost", {"relay"})
        first = run_sql(settings.database.url.get_secret_value(), "SELECT min(number) FROM outbox")
        set_positions(settings, "--published", str(first))
    wait_until(lambda: service.metric("app_outbox_pending") == 0, 60, service.explain)
    until_resumed(service)
    assert [e.body["version"] for e in world.all_events()] == ([2] if which == 1 else [1, 2])
    assert [reason_of(letter) for letter in world.all_dead_letters()] == ["unknown_type"]
    service.signal(signal.SIGTERM)
    assert service.wait() == 0


@pytest.mark.parametrize("limit", [{"APP_OUTBOX__MAX_PENDING": "2"}, {"APP_OUTBOX__MAX_PENDING_BYTES": "1024"}])
def test_while_the_relay_is_halted_the_worker_pauses_at_the_limit_and_goes_on_by_itself(
    launch: Launch, world: World, limit: dict[str, str]
) -> None:
    service = launch(APP_CONSUMER__BATCH_SIZE="1", **limit).until_ready()
    world.send(batch("b", "CHAIR", 10**6))
    world.events(1)
    world.set_property(world.kafka.output_topic, "max.message.bytes", "100")
    world.send(*[order(f"o{n}", ("CHAIR", 1)) for n in range(200)])
    until_halted(service, "frame_refused", {"relay"})
    wait_until(lambda: "way out" in service.failing(), 30, service.explain)
    consumed = service.metric("app_messages_consumed_total")
    assert consumed < 200
    assert service.get("/health/live").status_code == 200
    world.set_property(world.kafka.output_topic, "max.message.bytes", "1048588")
    assert len(world.events(201)) == 201
    service.until_ready()
    assert service.lines("part.resumed")
    assert service.metric("app_messages_consumed_total") == 201


def test_a_dead_letter_topic_that_takes_less_than_before_halts_nothing_once_it_was_looked_at(
    launch: Launch, world: World
) -> None:
    service = launch().until_ready()
    world.set_property(world.kafka.dead_letter_topic, "max.message.bytes", "600000")
    wait_until(lambda: bool(service.lines("dead_letters.size_changed")), 30, service.explain)
    (letter,) = world.dead_letters_of([world.send_raw(b"{" * 700_000, b"large")])
    assert (letter.value, letter.headers["dlq.truncated"]) == (b"", b"700000")
    assert not service.lines("part.halted")


def test_a_topic_that_gets_more_partitions_halts_the_relay(launch: Launch, world: World) -> None:
    service = launch().until_ready()
    world.send(batch("b", "CHAIR"))
    world.events(1)
    world.add_partitions(world.kafka.output_topic, 4)
    until_halted(service, "partition_count", {"relay"})


def test_a_database_set_back_halts_the_relay_and_nothing_is_published(
    launch: Launch, world: World, settings: Settings, postgres: Postgres
) -> None:
    """An older copy of it, as out of a backup. What it decides again is published: the cursor goes behind that."""
    name = settings.database.url.get_secret_value().rsplit("/", 1)[1]
    service = launch().until_ready()
    world.send(batch("b", "CHAIR"))
    world.events(1)
    assert service.terminate() == 0
    older = name_of_its_own("older")
    url = postgres.create_database(older, name)
    try:
        assert service.start().until_ready().running
        world.send(*[order(f"o{n}", ("CHAIR", 1)) for n in range(10)], partition=0)
        world.events(11)
        assert service.terminate() == 0
        restored = launch("restored", APP_DATABASE__URL=url)
        wait_until(lambda: bool(restored.lines("part.halted")), 60, restored.explain)
        assert "database_set_back" in foreseen(restored, "way out")
        until_halted(restored, "database_set_back", {"relay"})
        wait_until(lambda: restored.metric("app_messages_consumed_total") == 10, 60, restored.explain)
        again = run_sql(url, "SELECT number FROM outbox_head")
        world.send(*[order(f"p{n}", ("CHAIR", 1)) for n in range(10)], partition=0)
        wait_until(lambda: restored.metric("app_messages_consumed_total") == 20, 60, restored.explain)
        assert len(world.all_events()) == 11, "nothing is published"
        older_database = settings.database.model_copy(update={"url": SecretStr(url)})
        set_positions(settings.model_copy(update={"database": older_database}), "--published", str(again))
        events = world.events(21)
        assert [e.body["version"] for e in events] == [*range(1, 22)]
        assert allocated_orders(events) == sorted(f"{kind}{n}" for kind in "op" for n in range(10))
        until_resumed(restored)
        assert restored.terminate() == 0
    finally:
        postgres.drop_database(older)


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
