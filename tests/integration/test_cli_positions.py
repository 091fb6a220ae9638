"""`positions` and `positions set` on real servers, with a service that is not running and one that is."""

import asyncio
import json
from typing import Any

import pytest

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.publisher import open_publisher
from python_app_template.adapters.secondary.postgres import outbox
from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.settings import Settings
from tests.broker import Broker
from tests.clients import World, batch
from tests.command_line import CommandLine, Done, given, on_terminal
from tests.servers import Kafka
from tests.sql import run_sql
from tests.surroundings import name_of_its_own

pytestmark = pytest.mark.servers

WHY = ("--reason", "a test")


@pytest.fixture
def command(settings: Settings, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(given(settings), capsys)


@pytest.fixture
def sent(settings: Settings) -> World:
    """Ten messages in each partition."""
    world = World(settings)
    for partition in range(3):
        world.send(*[batch(f"b{partition}-{n}", "S") for n in range(10)], partition=partition)
    return world


@pytest.fixture
def url(settings: Settings) -> str:
    return settings.database.url.get_secret_value()


def consume(settings: Settings, url: str, offsets: dict[int, int], *, group: str | None = None) -> None:
    """Write rows as a worker would have left them."""
    kafka = settings.kafka
    topic_id = asyncio.run(KafkaAdmin(settings).topic(kafka.input_topic)).id
    for partition, offset in offsets.items():
        values = f"'{kafka.input_topic}', {partition}, '{group or kafka.group_id}', '{topic_id}', 3, {offset}"
        run_sql(url, f"INSERT INTO positions VALUES ({values})")  # noqa: S608 a test's own


def state(url: str, column: str = "next_offset") -> list[Any]:
    found = run_sql(url, f'SELECT json_agg("{column}" ORDER BY partition) FROM positions')  # noqa: S608 a test's own
    return list(json.loads(found))


def refused(done: Done) -> str:
    """The one line of a refusal."""
    assert (done.code, done.out) == (2, ""), done
    assert done.err.count("\n") == 1
    return done.err


def test_positions_are_shown_against_the_logs(command: CommandLine, settings: Settings, url: str, sent: World) -> None:
    consume(settings, url, {0: 4, 1: 99, 2: 3})
    sent.delete_records({2: 5})
    run_sql(url, "INSERT INTO positions VALUES ('old-topic', 0, 'g', 'id', 1, 7)")
    *parts, way_out = command("positions").rows
    found = {(row["topic"], row["partition"]): row for row in parts}
    assert {place: row["state"] for place, row in found.items()} == {
        ("old-topic", 0): "not_consumed",
        (settings.kafka.input_topic, 0): "ok",
        (settings.kafka.input_topic, 1): "offset_out_of_range",
        (settings.kafka.input_topic, 2): "log_truncated",
    }
    first = found[settings.kafka.input_topic, 0]
    numbers = [first[name] for name in ("next_offset", "log_start", "log_end", "lag", "epoch")]
    assert numbers == [4, 0, 10, 6, 3]
    assert (way_out["published"], way_out["committed"], way_out["pending_rows"], way_out["state"]) == (None, 0, 0, "ok")


@pytest.mark.usefixtures("sent")
def test_another_groups_position_and_one_never_claimed_are_shown_as_such(
    command: CommandLine, settings: Settings, url: str
) -> None:
    consume(settings, url, {0: 4}, group="another")
    assert [row["state"] for row in command("positions").rows[:3]] == ["other_group", "unclaimed", "unclaimed"]


def test_a_person_sees_a_table_and_what_is_wrong(command: CommandLine, settings: Settings, url: str) -> None:
    consume(settings, url, {0: 4, 1: 0})
    run_sql(url, "UPDATE outbox_head SET started = true")
    lines = [" ".join(line.split()) for line in on_terminal(*command.options, "positions").out.splitlines()]
    assert any(line.startswith("Topic Partition Group Next Start End Lag Epoch") for line in lines)
    text = " ".join(lines)
    assert "published: none of 0" in text
    assert "relay halted (cursor_lost)" in text
    assert "positions set --published NUMBER" in text


@pytest.mark.usefixtures("sent")
def test_positions_are_moved_and_the_reason_is_kept(command: CommandLine, settings: Settings, url: str) -> None:
    consume(settings, url, {0: 4, 1: 99})
    done = command("positions", "set", "--partition", "0", "--partition", "1", "--offset", "latest", *WHY)
    assert done.code == 0, done.err
    assert [(row["from_offset"], row["to_offset"]) for row in done.rows] == [(4, 10), (99, 10)]
    assert (state(url), state(url, "epoch")) == ([10, 10], [4, 4])
    kept = "SELECT count(*) FROM position_moves WHERE reason = 'a test' AND to_offset = 10 AND moved_by = session_user"
    assert run_sql(url, kept) == 2
    again = command("positions", "set", "--partition", "0", "--offset", "10", *WHY)
    assert (again.code, again.out) == (0, "")
    assert "nothing to do" in again.err
    assert state(url, "epoch") == [4, 4]


@pytest.mark.usefixtures("sent")
def test_all_go_to_a_time_and_to_another_group(command: CommandLine, settings: Settings, url: str) -> None:
    consume(settings, url, {0: 4}, group="another")
    assert "belongs to group another" in refused(command("positions", "set", "--all", "--offset", "0", *WHY))
    done = command(
        *("positions", "set", "--all", "--offset", "2001-01-01T00:00:00Z"), "--group", settings.kafka.group_id, *WHY
    )
    assert done.code == 0, done.err
    assert (state(url), state(url, "group")) == ([0, 0, 0], [settings.kafka.group_id] * 3)
    later = command("positions", "set", "--all", "--offset", "2999-01-01", *WHY)
    assert [row["to_offset"] for row in later.rows] == [10, 10, 10]


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--partition", "0", "--offset", "11"), "offset 11 is outside the log; allowed: 0 to 10"),
        (("--partition", "7", "--offset", "0"), "has no partition 7; allowed: 0 to 2"),
        (("--topic", "nowhere", "--all", "--offset", "0"), "there is no topic nowhere"),
        (("--partition", "0", "--offset", "soon"), "is no place in a log"),
        (("--offset", "0"), "--partition N, or --all"),
        (("--partition", "0"), "nothing is to be moved"),
        (("--published", "5"), "allowed: -1 to 0"),
        (("--published", "0", "--partition", "0"), "not together with other moves"),
        (("--all", "--offset", "0", "--reason", " "), "is empty"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_changes_nothing(
    command: CommandLine, settings: Settings, url: str, arguments: tuple[str, ...], said: str
) -> None:
    consume(settings, url, {0: 4})
    assert said in refused(command("positions", "set", *WHY, *arguments))
    assert (state(url), state(url, "epoch")) == ([4], [3])
    assert run_sql(url, "SELECT count(*) FROM position_moves") == 0


def test_without_a_reason_nothing_is_moved(command: CommandLine) -> None:
    assert "--reason" in refused(command("positions", "set", "--all", "--offset", "0"))


def test_a_topic_made_anew_is_accepted(command: CommandLine, settings: Settings, url: str) -> None:
    topic = settings.kafka.output_topic
    accept = ("positions", "set", "--topic", topic, "--accept-topic", *WHY)
    assert "nothing to do" in command(*accept).err
    run_sql(url, f"INSERT INTO topics VALUES ('{topic}', 'old')")  # noqa: S608 a test's own
    assert command("positions").rows[-1]["state"] == "topic_recreated"
    done = command(*accept)
    assert [row["topic_id_from"] for row in done.rows] == ["old"]
    assert command("positions").rows[-1]["state"] == "ok"
    assert "only --accept-topic" in refused(command(*accept[:4], "--all", "--offset", "0", *WHY))


# The published cursor


@pytest.fixture
def relayed(settings: Settings, url: str) -> tuple[str, ...]:
    """An outbox of five rows, of which three are published; the relay's transactional id, and the rows' ids."""
    for _ in range(5):
        run_sql(url, "INSERT INTO outbox (frames, bytes) VALUES ('\\x90', 10)")
    ids = tuple(run_sql(url, f"SELECT row_id::text FROM outbox WHERE number = {n}") for n in range(6))  # noqa: S608
    run_sql(url, "UPDATE outbox_head SET started = true")
    publish(settings, Cursor(3, ids[3]))
    return ids


def publish(settings: Settings, cursor: Cursor | None) -> Cursor | None:
    """Publish a cursor as the relay does (None: none), and return the one there was."""

    async def run() -> Cursor | None:
        engine = create_engine(settings.database, "test")
        own = await outbox.transactional_id(engine, None)
        await engine.dispose()
        async with open_publisher(settings, own, KafkaAdmin(settings))() as publisher:
            before = await publisher.cursor()
            if cursor is not None:
                await publisher.publish((), cursor)
            return before

    return asyncio.run(run())


def test_the_cursor_is_moved_with_the_rows_own_id_as_its_witness(
    command: CommandLine, settings: Settings, url: str, relayed: tuple[str, ...]
) -> None:
    way_out = command("positions").rows[-1]
    assert {name: way_out[name] for name in ("published", "committed", "pending_rows", "pending_bytes", "state")} == {
        "published": 3,
        "committed": 5,
        "pending_rows": 2,
        "pending_bytes": 20,
        "state": "ok",
    }
    done = command("positions", "set", "--published", "4", *WHY)
    assert done.rows == [{"published_from": 3, "published_to": 4}], done.err
    assert publish(settings, None) == Cursor(4, relayed[4])
    assert "nothing to do" in command("positions", "set", "--published", "4", *WHY).err
    kept = "SELECT count(*) FROM position_moves WHERE published_from = 3 AND published_to = 4 AND reason = 'a test'"
    assert run_sql(url, kept) == 1


@pytest.mark.parametrize("fault", ["database_set_back", "outbox_gap", "cursor_unreadable"])
def test_whatever_became_of_cursor_or_rows_a_new_cursor_mends_it(
    command: CommandLine, settings: Settings, url: str, relayed: tuple[str, ...], kafka: Kafka, fault: str
) -> None:
    if fault == "database_set_back":
        publish(settings, Cursor(9, "of-a-later-state"))
    elif fault == "outbox_gap":
        run_sql(url, "DELETE FROM outbox WHERE number = 4")
    else:
        own = run_sql(url, "SELECT transactional_id FROM outbox_head")
        partition = Partition(settings.kafka.positions_topic, 0)
        Broker(kafka.bootstrap_servers).produce(partition, b"no JSON", key=own.encode())
    assert command("positions").rows[-1]["state"] == fault
    number = 4 if fault == "outbox_gap" else 3
    done = command("positions", "set", "--published", str(number), *WHY)
    assert done.code == 0, done.err
    way_out = command("positions").rows[-1]
    assert (way_out["state"], way_out["published"], way_out["pending_rows"]) == ("ok", number, 5 - number)
    if fault != "outbox_gap":
        assert publish(settings, None) == Cursor(3, relayed[3])


def test_a_database_that_is_away_is_one_line_and_exit_3(command: CommandLine) -> None:
    nowhere = f"database.url=postgresql+asyncpg://me@127.0.0.1:1/{name_of_its_own('none')}"
    done = command("positions", "--set", nowhere)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("PostgreSQL: ")
    assert done.err.count("\n") == 1
