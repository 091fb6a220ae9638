"""Digests in Postgres: nothing is forgotten or kept twice, little is kept of much, and a letter never changes."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.notifications import digests as adapter
from python_app_template.adapters.secondary.postgres.notifications.digests import PostgresDigests
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.following import Place
from python_app_template.core.domain.shortages import MOST_LISTED, Shortage
from python_app_template.core.ports.digests import Ended, Pending, Standing
from python_app_template.core.ports.following import Stretch
from python_app_template.core.ports.notifications import Letter, Verdict

pytestmark = pytest.mark.servers

AT = datetime(2026, 11, 20, 20, 0, 0, 123456, UTC)
ANN, BEN = "ann@shop.example", "ben@shop.example"


@pytest.fixture
async def digests(engine: AsyncEngine) -> PostgresDigests:
    """Of a topic that is read from offset 10 of one partition and 0 of another."""
    made = PostgresDigests(engine, "allocations")
    await made.put(Place("id", {0: 10, 1: 0}))
    return made


def shortages(count: int, qty: int = 1) -> Sequence[Shortage]:
    return [Shortage(f"SKU-{number}", "order", number, qty, AT) for number in range(count)]


class Written:
    """Makes letters, and notes of what."""

    def __init__(self) -> None:
        self.ended: list[Ended] = []

    def __call__(self, ended: Ended) -> Letter:
        self.ended.append(ended)
        return Letter(f"<{len(self.ended)}@test>", "stock@shop.example", (ANN, BEN), b"\0\xff" * 10)


async def rows(engine: AsyncEngine, question: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(text(question))).all()


async def states(engine: AsyncEngine) -> list[str]:
    return [row.state for row in await rows(engine, "SELECT state FROM digests ORDER BY number")]


async def collected(digests: PostgresDigests, count: int = 1) -> None:
    """Let a page with so many lines come, wherever the place is."""
    place = await digests.place()
    assert place
    start = place.offsets[0]
    await digests.collect({0: start}, Stretch(shortages(count), {0: start + count}))


async def pending(digests: PostgresDigests) -> Pending:
    found = await digests.attempt()
    assert found
    return found


async def test_nothing_was_read_of_a_topic_that_nobody_followed(engine: AsyncEngine) -> None:
    assert await PostgresDigests(engine, "another").place() is None


async def test_of_several_that_begin_one_says_where(engine: AsyncEngine) -> None:
    another = PostgresDigests(engine, "another")
    begun = await asyncio.gather(*(another.begin(Place("id", {0: end, 1: end})) for end in (7, 8, 9)))
    assert sorted(begun) == [False, False, True]
    end = 7 + begun.index(True)
    assert await another.place() == Place("id", {0: end, 1: end})


async def test_the_place_moves_with_what_is_collected(digests: PostgresDigests) -> None:
    await digests.collect({0: 10}, Stretch(shortages(2, 1_000_000), {0: 15}))
    await digests.collect({0: 15, 1: 0}, Stretch((), {0: 20, 1: 7}))
    assert await digests.place() == Place("id", {0: 20, 1: 7})
    assert await digests.standing() == Standing(0, 2)


async def test_a_place_that_another_moved_brings_nothing(digests: PostgresDigests) -> None:
    await digests.collect({1: 0}, Stretch(shortages(1), {1: 5}))
    for starts, ends in (({1: 0}, {1: 5}), ({0: 10, 1: 0}, {0: 11, 1: 5}), ({2: 0}, {2: 1})):
        with pytest.raises(TransientError) as fault:
            await digests.collect(starts, Stretch(shortages(9), ends))
        assert fault.value.code == "raced"
    assert await digests.place() == Place("id", {0: 10, 1: 5})
    assert await digests.standing() == Standing(0, 1)


async def test_of_two_that_collect_the_same_one_does(digests: PostgresDigests) -> None:
    same = [digests.collect({0: 10, 1: 0}, Stretch(shortages(3), {0: 20, 1: 9})) for _ in range(4)]
    outcomes = await asyncio.gather(*same, return_exceptions=True)
    assert sorted(str(getattr(outcome, "code", "done")) for outcome in outcomes) == ["done", "raced", "raced", "raced"]
    assert await digests.standing() == Standing(0, 3)


async def test_a_digest_tells_of_all_that_came_since_the_last(digests: PostgresDigests) -> None:
    write = Written()
    await digests.collect({0: 10}, Stretch(shortages(1), {0: 15}))
    await digests.collect({0: 15}, Stretch((), {0: 20}))
    await digests.collect({0: 20, 1: 0}, Stretch(shortages(2, 10), {0: 21, 1: 3}))
    assert await digests.write(0, write)
    (ended,) = write.ended
    assert ended.digest.listed == (*shortages(1), *shortages(2, 10))
    assert (ended.digest.lines, ended.digest.units) == (3, 21)
    assert (ended.starts, ended.ends) == ({0: 10, 1: 0}, {0: 21, 1: 3})
    await collected(digests)
    await digests.settle((await pending(digests)).number, Verdict())
    assert await digests.write(0, write)
    assert (write.ended[1].starts, write.ended[1].ends) == ({0: 21}, {0: 22})
    assert write.ended[1].digest.lines == 1


async def test_it_is_not_written_before_its_time_nor_while_another_is_pending(
    digests: PostgresDigests, engine: AsyncEngine
) -> None:
    write = Written()
    assert not await digests.write(0, write)
    await collected(digests)
    assert not await digests.write(60, write)
    await age(engine, "since")
    assert await digests.write(60, write)
    await collected(digests)
    await age(engine, "since")
    assert not await digests.write(60, write)
    await digests.settle((await pending(digests)).number, Verdict())
    assert not await digests.write(60, write)  # so long after the last one was settled, at least
    await age(engine, "settled_at")
    assert await digests.write(60, write)


async def age(engine: AsyncEngine, column: str) -> None:
    """Let a minute pass since then."""
    async with engine.begin() as connection:
        await connection.execute(text(f"UPDATE digests SET {column} = {column} - interval '61 s'"))  # noqa: S608 - ours


async def test_what_is_pending_stays_as_it_is_and_its_tries_are_counted(digests: PostgresDigests) -> None:
    assert await digests.attempt() is None
    await collected(digests)
    await digests.write(0, Written())
    first, second = await pending(digests), await pending(digests)
    assert first.letter == second.letter == Letter("<1@test>", "stock@shop.example", (ANN, BEN), b"\0\xff" * 10)
    assert (first.tries, second.tries) == (1, 2)


async def test_who_was_busy_gets_it_later_and_the_others_not_again(
    digests: PostgresDigests, engine: AsyncEngine
) -> None:
    await collected(digests)
    await digests.write(0, Written())
    number = (await pending(digests)).number
    assert await digests.settle(number, Verdict(deferred={BEN: "450"})) is None
    assert (await pending(digests)).letter.recipients == (BEN,)
    assert await digests.settle(number, Verdict()) == "sent"
    assert await states(engine) == ["sent"]


async def test_what_was_refused_is_kept_whole_and_the_next_goes_on(
    digests: PostgresDigests, engine: AsyncEngine
) -> None:
    await collected(digests)
    await digests.write(0, Written())
    number = (await pending(digests)).number
    assert await digests.settle(number, Verdict(refused={ANN: "550 no"}, deferred={BEN: "450"})) is None
    assert await digests.settle(number, Verdict()) == "failed"
    (row,) = await rows(engine, "SELECT state, refused, content, recipients FROM digests")
    assert tuple(row) == ("failed", {ANN: "550 no"}, b"\0\xff" * 10, [])
    await collected(digests)
    assert await digests.write(0, Written())


async def test_what_is_settled_is_settled_once(digests: PostgresDigests, engine: AsyncEngine) -> None:
    await collected(digests)
    await digests.write(0, Written())
    number = (await pending(digests)).number
    assert await digests.settle(number, Verdict()) == "sent"
    assert await digests.settle(number, Verdict(refused={ANN: "550"})) is None
    assert [tuple(row) for row in await rows(engine, "SELECT state, refused, content FROM digests")] == [
        ("sent", {}, None)
    ]
    assert await digests.attempt() is None


async def test_a_storm_takes_no_more_room_than_a_page(digests: PostgresDigests, engine: AsyncEngine) -> None:
    for _ in range(20):
        await collected(digests, 5000)
    assert await digests.standing() == Standing(0, 100_000)
    (row,) = await rows(engine, "SELECT count(*) AS rows, sum(pg_column_size(digests.*)) AS bytes FROM digests")
    assert row.rows == 1
    assert row.bytes < 100 * MOST_LISTED
    write = Written()
    await digests.write(0, write)
    assert len(write.ended[0].digest.listed) == MOST_LISTED
    assert write.ended[0].digest.lines == 100_000


async def test_old_ones_are_forgotten(digests: PostgresDigests, engine: AsyncEngine) -> None:
    before = """
        INSERT INTO digests (state, lines, units, starts, ends, message_id, settled_at)
        SELECT 'sent', 1, 1, '{}', '{}', '<x>', now() FROM generate_series(1, :count)
    """
    async with engine.begin() as connection:
        await connection.execute(text(before), {"count": adapter.KEPT + 5})
    await collected(digests)
    await digests.write(0, Written())
    await digests.settle((await pending(digests)).number, Verdict())
    assert len(await states(engine)) == adapter.KEPT
