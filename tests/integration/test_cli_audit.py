"""`audit` on a service that works meanwhile, and on tables that somebody changed."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.publisher import open_publisher
from python_app_template.adapters.secondary.postgres import outbox
from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.settings import Settings
from tests.clients import World, batch, order
from tests.command_line import CommandLine, given, on_terminal
from tests.forking.services import ForkedService, ForkServer
from tests.processes import ServiceProcess, wait_until
from tests.sql import run_sql
from tests.streams import stream

pytestmark = pytest.mark.servers

MESSAGES = 1000


@pytest.fixture
def world(settings: Settings) -> World:
    return World(settings)


@pytest.fixture
def audit(settings: Settings, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(given(settings), capsys)


@pytest.fixture
def service(settings: Settings, tmp_path: Path) -> Iterator[ServiceProcess]:
    """In small batches, so that it is never far ahead of an audit."""
    process = ServiceProcess(settings, tmp_path, APP_CONSUMER__BATCH_SIZE="5")
    yield process.start()
    process.close()
    print(process.explain())  # noqa: T201 - shown where a test fails


def sql(settings: Settings, *statements: str) -> str:
    return str(run_sql(settings.database.url.get_secret_value(), *statements))


@pytest.mark.slow
def test_a_service_under_load_is_clean_and_a_tampered_one_is_not(
    world: World, settings: Settings, service: ServiceProcess, audit: CommandLine
) -> None:
    """One service for all: to start one takes longer than an audit."""
    service.until_ready()
    world.send_records(stream(random.Random(4), MESSAGES))
    looked_at = [0]
    while looked_at[-1] < MESSAGES:
        done = audit("audit", "--json")
        assert (done.code, done.err) == (0, ""), done.out
        looked_at.append(done.rows[-1]["messages"])
    assert any(0 < number < MESSAGES for number in looked_at), "it was looked at in mid-work"
    assert looked_at == sorted(looked_at)
    wait_until(lambda: world.committed_offsets() == world.log_ends(), 60, service.explain)
    assert service.terminate() == 0

    (summary,) = audit("audit", "--json").rows
    assert summary["messages"] == len(world.sent)
    assert summary["events"] == len(world.all_events())
    assert summary["dead_letters"] == len(world.all_dead_letters())
    assert (summary["violations"], summary["pending"]) == (0, 0)

    sql(settings, "UPDATE products SET version = version + 1 WHERE sku = 'CHAIR'")
    sql(settings, "UPDATE positions SET next_offset = next_offset - 1 WHERE partition = 1")
    wrong = audit("audit", "--json")
    assert wrong.code == 4
    assert {row["about"] for row in wrong.rows[:-1]} >= {"table", "position"}
    assert any("products CHAIR" in row["text"] for row in wrong.rows[:-1])
    few = audit("audit", "--json", "--limit", "1")
    assert len(few.rows) == 2
    assert few.rows[-1]["violations"] == wrong.rows[-1]["violations"] > 1
    seen = on_terminal(*given(settings), "audit")
    assert seen.code == 4
    assert "table: products CHAIR" in seen.out
    assert f"looked at {len(world.sent) - 1:,} messages" in seen.out


def test_what_no_relay_has_published_yet_is_taken_out_of_the_outbox(
    world: World, settings: Settings, audit: CommandLine, tmp_path: Path, forks: ForkServer
) -> None:
    process = ForkedService(forks, settings, tmp_path, APP_ROLES="worker")
    try:
        process.start().until_ready()
        world.send(batch("b", "CHAIR"), order("o", ("CHAIR", 1)), {"type": "odd", "order_id": "x"})
        wait_until(lambda: process.metric("app_messages_consumed_total") == 3, 60, process.explain)
    finally:
        process.close()
    done = audit("audit", "--json", "--wait", "0")
    assert (done.code, done.rows[-1]["pending"], done.rows[-1]["events"]) == (0, 3, 2)
    sql(settings, "UPDATE outbox SET frames = '\\x90' WHERE number = (SELECT max(number) FROM outbox)")
    assert audit("audit", "--json", "--wait", "0").code == 4


def test_what_an_operator_skipped_or_had_published_again_is_named_and_no_violation(
    world: World, settings: Settings, audit: CommandLine, tmp_path: Path, forks: ForkServer
) -> None:
    process = ForkedService(forks, settings, tmp_path, APP_ROLES="worker", APP_CONSUMER__BATCH_SIZE="1")
    try:
        process.start().until_ready()
        world.send(batch("b", "CHAIR"), order("o", ("CHAIR", 1)), {"type": "odd", "order_id": "x"})
        wait_until(lambda: process.metric("app_messages_consumed_total") == 3, 60, process.explain)
    finally:
        process.close()
    publish(settings, most=1)
    assert audit("positions", "set", "--published", "3", "--reason", "not for [them]").code == 0
    skipped = audit("audit", "--json")
    assert skipped.code == 0, skipped.out
    (told,) = skipped.rows[:-1]
    assert (told["kind"], told["about"]) == ("by_hand", "skipped")
    assert "published cursor, 1 to 3: " in told["text"]
    assert "were skipped by an operator (not for [them], 2" in told["text"]
    assert skipped.rows[-1]["by_hand"] == 1
    assert "by hand: published cursor, 1 to 3: " in on_terminal(*given(settings), "audit").out

    assert audit("positions", "set", "--published", "0", "--reason", "for them after all").code == 0
    publish(settings)
    again = audit("audit", "--json")
    assert again.code == 0, again.out
    (told,) = again.rows[:-1]
    assert told["about"] == "again", "what had been skipped came after all, what had come came twice"
    assert "published again, for an operator (for them after all, 2" in told["text"]
    sql(settings, "DELETE FROM position_moves WHERE published_to = 0")
    assert audit("audit", "--json").code == 4, "nobody has decided it"


def publish(settings: Settings, most: int | None = None) -> None:
    """Publish the rows behind the cursor as a relay does, without forgetting them."""

    async def run() -> None:
        engine = create_engine(settings.database, "test")
        own = await outbox.transactional_id(engine, None)
        reader = outbox.PostgresOutboxReader(engine, asyncio.Event(), page_bytes=2**20, poll_seconds=1)
        async with open_publisher(settings, own, KafkaAdmin(settings))() as publisher:
            cursor = await publisher.cursor()
            rows = (await reader.page(cursor.number if cursor else 0))[1:][:most]
            await publisher.publish(rows, rows[-1].cursor)
            await reader.start()
        await engine.dispose()

    asyncio.run(run())


@pytest.mark.slow
def test_a_broker_or_a_database_that_is_away_is_exit_3_and_one_line(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value, variable in (
        ("kafka.bootstrap_servers", "127.0.0.1:1", "APP_KAFKA__BOOTSTRAP_SERVERS"),
        ("database.url", "postgresql+asyncpg://nobody:secret@127.0.0.1:1/none", "APP_DATABASE__URL"),
    ):
        done = CommandLine([*given(settings), f"--set={name}={value}"], capsys)("audit")
        assert done.code == 3
        assert variable in done.err
        assert len(done.err.splitlines()) == 1
        assert "secret" not in done.err
