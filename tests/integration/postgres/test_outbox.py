"""The outbox on a real server: numbers in the order of commits, bounded rows and pages, a database set back."""

import asyncio
import random

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.outbox import (
    PostgresOutboxReader,
    pending,
    transactional_id,
)
from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.messages import Frame
from python_app_template.core.delivery.relaying import Cursor, follow
from python_app_template.core.use_cases.relay_outbox import RelayOutbox
from tests.fakes.clock import FakeClock
from tests.fakes.publishing import FakeBroker
from tests.servers import Postgres
from tests.shop import FORM, Body, Shop, assert_sound, bought, events, frames, placed, rows
from tests.surroundings import name_of_its_own
from tests.worlds import InPostgres, engine_on

pytestmark = pytest.mark.servers


def reader(
    engine: AsyncEngine, *, page_bytes: int = 2**20, poll_seconds: float = 0.002, idle_seconds: float = 0.5
) -> PostgresOutboxReader:
    return PostgresOutboxReader(
        engine, asyncio.Event(), page_bytes=page_bytes, poll_seconds=poll_seconds, idle_seconds=idle_seconds
    )


def keys(found: list[Frame]) -> list[str]:
    return [(frame.key or b"").decode() for frame in found]


# Numbers


async def test_numbers_are_dense_and_in_the_order_of_commits_while_others_roll_back(engine: AsyncEngine) -> None:
    committed = 0

    async def write(writer: int) -> None:
        nonlocal committed
        dice = random.Random(writer)
        for _ in range(25):
            async with engine.connect() as connection:
                await connection.execute(text("INSERT INTO outbox (frames, bytes) VALUES ('\\x90', 1)"))
                if dice.random() < 0.3:
                    await asyncio.sleep(dice.random() / 100)  # commits shall overtake each other
                if dice.random() < 0.3:
                    await connection.rollback()
                else:
                    await connection.commit()
                    committed += 1

    async def follow_all(writing: asyncio.Future[list[None]]) -> int:
        """Read as the relay does; a row that becomes visible below the cursor would be a gap, or never be read."""
        rows_of, seen = reader(engine), 0
        cursor = (await rows_of.standing()).origin
        while True:
            ended = writing.done()
            page = follow(cursor, await rows_of.page(cursor.number))
            if ended and not page:
                return seen
            seen += len(page)
            cursor = page[-1].cursor if page else cursor

    writing = asyncio.ensure_future(asyncio.gather(*(write(n) for n in range(8))))
    assert await follow_all(writing) == committed > 100
    assert (await pending(engine)) == (committed, committed)
    await assert_sound(engine)


async def test_numbers_and_sums_go_beyond_32_bits(engine: AsyncEngine) -> None:
    big = 5_000_000_000
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET number = :big, bytes_through = :big"), {"big": big})
        await connection.execute(text("UPDATE outbox_head SET number = :big, bytes = :big"), {"big": big})
    await InPostgres(engine).append("a")
    assert [row.number for row in await reader(engine).page(big)] == [big, big + 1]
    assert (await pending(engine)).rows == 1
    await reader(engine).trim(big + 1)
    assert (await reader(engine).standing()).origin.number == big + 1


# Rows and pages


async def test_frames_of_a_large_batch_are_split_into_rows_and_keep_their_order(engine: AsyncEngine) -> None:
    shop = await Shop(engine, form=FORM._replace(row_bytes=2000)).claim()
    await shop.send(*(bought(f"b{n:03}", f"S{n:03}") for n in range(100)))
    sizes = [row.bytes for row in await rows(engine, "SELECT bytes FROM outbox WHERE number > 0 ORDER BY number")]
    assert len(sizes) > 10
    assert max(sizes) <= 2000
    assert keys(await frames(engine)) == [f"S{n:03}" for n in range(100)]
    await assert_sound(engine)


async def test_a_page_is_bounded_by_bytes_and_the_witness_comes_without_its_frames(engine: AsyncEngine) -> None:
    world = InPostgres(engine)
    for n in range(10):
        await world.append(f"sensor-{n}")
    [[size]] = await rows(engine, "SELECT max(bytes) FROM outbox")
    page = await reader(engine, page_bytes=3 * size).page(2)
    assert [(row.number, len(row.frames)) for row in page] == [(2, 0), (3, 1), (4, 1), (5, 1)]
    assert [row.number for row in await reader(engine, page_bytes=1).page(2)] == [2, 3]


async def test_what_waits_is_counted_in_rows_and_bytes_from_the_witness_on(engine: AsyncEngine) -> None:
    world = InPostgres(engine)
    assert await pending(engine) == (0, 0)
    for n in range(4):
        await world.append(f"sensor-{n}")
    [[size]] = await rows(engine, "SELECT max(bytes) FROM outbox")
    assert await pending(engine) == (4, 4 * size)
    await reader(engine).trim(3)
    assert await pending(engine) == (1, size)


async def test_an_emptied_outbox_halts_whoever_begins_and_is_counted_all_the_same(engine: AsyncEngine) -> None:
    await InPostgres(engine).append("a")
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM outbox"))
    with pytest.raises(Halted, match="database_set_back"):
        await reader(engine).standing()
    assert (await pending(engine)).rows == 1


# Waking up


PATIENCE = 60.0
"""Seconds that a reader would wait if nothing told it of a commit."""


async def test_a_commit_of_another_process_is_seen_soon(shared_database: str, engine: AsyncEngine) -> None:
    async with engine_on(shared_database) as other:
        await InPostgres(other).append("warm")
        waiting = asyncio.create_task(reader(engine, idle_seconds=PATIENCE).page(1))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await InPostgres(other).append("a")
        async with asyncio.timeout(PATIENCE / 2):
            assert [row.number for row in await waiting] == [1, 2]


async def test_a_commit_of_this_process_wakes_it_whatever_the_poll_interval(engine: AsyncEngine) -> None:
    wake = asyncio.Event()
    woken = PostgresOutboxReader(engine, wake, page_bytes=2**20, poll_seconds=PATIENCE, idle_seconds=PATIENCE)
    waiting = asyncio.create_task(woken.page(0))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await InPostgres(engine).append("a")
    wake.set()
    async with asyncio.timeout(PATIENCE / 2):
        assert [row.number for row in await waiting] == [0, 1]


# Dead letters


async def test_a_dead_letter_too_large_for_its_topic_goes_out_empty_and_its_bytes_are_kept(
    engine: AsyncEngine,
) -> None:
    shop = await Shop(engine, form=FORM._replace(largest_dead_letter=2000)).claim()
    large, small = {"type": "nonsense", "x": "é" * 3000}, {"type": "nonsense"}
    await shop.send(large, small)
    first, second = await frames(engine)
    value = shop_value(shop, large)
    assert (first.value, dict(first.headers)["dlq.truncated"]) == (b"", str(len(value)).encode())
    assert (second.value, "dlq.truncated" in dict(second.headers)) == (shop_value(shop, small), False)
    kept = [tuple(row) for row in await rows(engine, 'SELECT topic, partition, "offset", value FROM oversized')]
    assert kept == [("raw-push", 0, 0, value)]


def shop_value(shop: Shop, body: Body) -> bytes:
    return shop.batch(body).messages[0].record.value or b""


# The relay's identity


async def test_the_transactional_id_is_the_first_callers_for_ever(engine: AsyncEngine) -> None:
    assert await transactional_id(engine, "seed") == "seed"
    assert await transactional_id(engine, "another") == "seed"
    assert await transactional_id(engine, None) == "seed"


async def test_without_a_seed_all_who_ask_at_once_get_one_and_the_same(engine: AsyncEngine) -> None:
    given = await asyncio.gather(*(transactional_id(engine, None) for _ in range(6)))
    assert len({*given}) == 1
    assert len(given[0]) == 36


# A database set back


async def test_a_database_that_is_set_back_halts_the_relay(postgres: Postgres, template: str) -> None:
    name, copy = name_of_its_own("test"), name_of_its_own("test")
    url = await asyncio.to_thread(postgres.create_database, name, template)
    broker = FakeBroker()
    try:
        async with engine_on(url) as engine:
            shop = await Shop(engine).claim()
            await shop.send(bought("b", "S"))
            assert await relayed(engine, broker) is None
        copied = await asyncio.to_thread(postgres.create_database, copy, name)  # the backup
        async with engine_on(url) as engine:
            await shop_again(engine, "o1")
            assert await relayed(engine, broker) is None
        published, cursor = list(broker.frames), broker.cursor
        async with engine_on(copied) as restored:
            why = await relayed(restored, broker)
            assert why is not None
            assert (why.part, why.reason) == ("relay", "database_set_back")
            await shop_again(restored, "o2")  # the same number again, of another content
            assert [event["version"] for event in await events(restored)][-1] == 2
            why = await relayed(restored, broker)
            assert why is not None
            assert why.reason == "database_set_back"
        assert (broker.frames, broker.cursor) == (published, cursor)
    finally:
        for made in (copy, name):
            await asyncio.to_thread(postgres.drop_database, made)


async def shop_again(engine: AsyncEngine, order_id: str) -> None:
    shop = await Shop(engine).claim()
    await shop.send(placed(order_id, ("S", 1)))


async def relayed(engine: AsyncEngine, broker: FakeBroker) -> Halted | None:
    """Publish what there is, and return; if the relay halted, why."""
    clock, halted = FakeClock(), None

    def report(_part: str, why: Halted | None) -> None:
        nonlocal halted
        halted = why
        if why is not None:
            relay.drain()

    relay = RelayOutbox(broker.lead, broker.open_publisher, reader(engine), clock.pause, clock, report)
    running = asyncio.create_task(relay())
    try:
        async with asyncio.timeout(10):
            while not running.done() and not await caught_up(engine, broker.cursor):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)
            relay.drain()
            await running
    finally:
        running.cancel()
    return halted


async def caught_up(engine: AsyncEngine, cursor: Cursor | None) -> bool:
    [[head]] = await rows(engine, "SELECT number FROM outbox_head")
    return cursor is not None and cursor.number == head
