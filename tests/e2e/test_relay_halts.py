"""What a person has to decide about the way out: the relay stands still and says so; the worker goes on."""

import signal

import pytest
from pydantic import SecretStr

from python_app_template.settings import Settings
from tests.clients import World, batch, order, reason_of
from tests.e2e.conftest import Launch
from tests.e2e.halting import allocated_orders, foreseen, set_positions, until_halted, until_resumed
from tests.processes import wait_until
from tests.servers import Kafka, Postgres
from tests.sql import run_sql
from tests.surroundings import Topics, create_topics, name_of_its_own

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    "which",
    [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)],
    ids=["allocations", "dead letters", "positions"],
)
def test_a_topic_that_the_relay_writes_to_deleted_and_made_again_halts_the_relay_until_it_is_accepted(
    launch: Launch, world: World, kafka: Kafka, topics: Topics, settings: Settings, which: int
) -> None:
    """The positions topic's cursor is lost besides: the outbox's first row is the last one that is published."""
    service = launch().until_ready()
    world.send(batch("b", "CHAIR"))
    world.events(1)
    world.delete_topics([topics[which]])
    if which == 1:
        until_halted(service, "topic_missing", {"relay"}, "topics create")
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
        assert len(world.all_events()) == 1, "nothing is published"
        first = run_sql(settings.database.url.get_secret_value(), "SELECT min(number) FROM outbox")
        set_positions(settings, "--published", str(first))
    wait_until(lambda: service.metric("app_outbox_pending") == 0, 60, service.explain)
    until_resumed(service)
    assert [e.body["version"] for e in world.all_events()] == ([2] if which == 1 else [1, 2])
    assert [reason_of(letter) for letter in world.all_dead_letters()] == ["unknown_type"]
    service.signal(signal.SIGTERM)
    assert service.wait() == 0


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


@pytest.mark.parametrize("which", [1, pytest.param(2, marks=pytest.mark.slow)], ids=["allocations", "dead letters"])
def test_a_topic_that_the_relay_writes_to_with_more_partitions_halts_it_until_the_setting_says_so(
    launch: Launch, world: World, topics: Topics, which: int
) -> None:
    service = launch().until_ready()
    world.send(batch("b", "CHAIR"))
    world.events(1)
    world.add_partitions(topics[which], 4)
    until_halted(service, "partition_count", {"relay"}, "set the number in the settings")
    world.send(*[order(f"o{n}", ("CHAIR", 1)) for n in range(20)], {"type": "odd", "order_id": "x"})
    wait_until(lambda: service.metric("app_messages_consumed_total") == 22, 60, service.explain)
    assert len(world.all_events()) == 1, "nothing is published"
    assert world.all_dead_letters() == []
    assert service.terminate() == 0
    name = "OUTPUT" if which == 1 else "DEAD_LETTER"
    service.environment[f"APP_KAFKA__{name}_PARTITIONS"] = "4"
    service.start().until_ready()
    assert sorted(e.body["version"] for e in world.events(21)) == [*range(1, 22)]
    assert [reason_of(letter) for letter in world.dead_letters(1)] == ["unknown_type"]
    assert service.terminate() == 0


def test_a_positions_topic_with_more_partitions_halts_the_relay(launch: Launch, world: World, topics: Topics) -> None:
    """It has to be made anew with one."""
    service = launch().until_ready()
    world.send(batch("b", "CHAIR"))
    world.events(1)
    world.add_partitions(topics.positions, 2)
    until_halted(service, "partition_count", {"relay"}, "remake the topic")
    world.send(order("o", ("CHAIR", 1)))
    wait_until(lambda: service.metric("app_messages_consumed_total") == 2, 60, service.explain)
    assert len(world.all_events()) == 1, "nothing is published"


@pytest.mark.parametrize(
    "limit",
    [
        {"APP_OUTBOX__MAX_PENDING": "2"},
        pytest.param({"APP_OUTBOX__MAX_PENDING_BYTES": "1024"}, marks=pytest.mark.slow),
    ],
)
def test_while_the_relay_is_halted_the_worker_pauses_at_the_limit_and_goes_on_by_itself(
    launch: Launch, world: World, limit: dict[str, str]
) -> None:
    service = launch(APP_CONSUMER__BATCH_SIZE="1", **limit).until_ready()
    world.send(batch("b", "CHAIR", 10**6))
    world.events(1)
    world.set_property(world.kafka.output_topic, "max.message.bytes", "100")
    world.send(*[order(f"o{n}", ("CHAIR", 1)) for n in range(200)])
    until_halted(service, "frame_refused", {"relay"}, "max.message.bytes")
    wait_until(lambda: "way out" in service.failing(), 30, service.explain)
    assert service.metric("app_messages_consumed_total") < 200
    published = len(world.all_events())
    assert service.get("/health/live").status_code == 200
    assert len(world.all_events()) == published, "nothing is published"
    world.set_property(world.kafka.output_topic, "max.message.bytes", "1048588")
    assert len(world.events(201)) == 201
    service.until_ready()
    assert service.line("part.resumed")
    assert service.metric("app_messages_consumed_total") == 201


@pytest.mark.slow
def test_a_dead_letter_topic_that_takes_less_than_before_halts_nothing_once_it_was_looked_at(
    launch: Launch, world: World
) -> None:
    service = launch().until_ready()
    world.set_property(world.kafka.dead_letter_topic, "max.message.bytes", "600000")
    wait_until(lambda: bool(service.lines("dead_letters.size_changed")), 30, service.explain)
    (letter,) = world.dead_letters_of([world.send_raw(b"{" * 700_000, b"large")])
    assert (letter.value, letter.headers["dlq.truncated"]) == (b"", b"700000")
    assert not service.lines("part.halted")
