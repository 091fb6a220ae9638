"""What every keeper of moves promises: a row moves whole, its owner loses it, and it is written down."""

import asyncio
from dataclasses import replace

import pytest

from python_app_template.core.delivery.messages import Span
from python_app_template.core.delivery.moving import CannotMove, Move, Shelf
from python_app_template.core.delivery.positions import Position
from python_app_template.core.delivery.relaying import Cursor, follow
from tests.builders import GROUP, TOPIC_ID, P, Q, log
from tests.worlds import World

MADE_ANEW = "made-anew"


def to(next_offset: int, before: Position | None = None, group: str = GROUP, topic_id: str = TOPIC_ID) -> Move:
    return Move(P if before is None else before.partition, before, group, topic_id, next_offset)


async def test_a_row_moves_and_whoever_had_it_loses_it(world: World) -> None:
    owned = await world.positions().claim(P, log())
    (made,) = await world.moves().make([to(70, owned, "another", MADE_ANEW)], "because")
    assert made.before == owned
    async with world.begin() as uow:
        (unmoved,) = await uow.advance([Span(P, owned.epoch, 0, 5)])
    assert unmoved == Position(P, "another", MADE_ANEW, owned.epoch + 1, 70)
    assert await world.moves().rows() == [unmoved]
    assert await world.moved() == [(P.topic, P.number, "because")]


async def test_a_row_that_was_not_there_is_made_for_the_first_claim(world: World) -> None:
    await world.moves().make([to(5)], "a new start")
    claimed = await world.positions().claim(P, log(start=1))
    assert (claimed.epoch, claimed.next_offset) == (1, 5)


async def test_what_was_suspected_of_the_old_place_is_forgotten(world: World) -> None:
    for _ in range(3):
        owned = await world.positions().claim(P, log())
    await world.positions().announce(Span(P, owned.epoch, 0, 1))
    await world.moves().make([to(70, owned)], "poison")
    claimed = await world.positions().claim(P, log())
    assert (claimed.claims, claimed.suspect_end) == (1, None)
    assert await world.positions().announce(Span(P, claimed.epoch, 70, 71)) == 1


async def test_a_row_that_moved_since_it_was_seen_moves_only_under_force_and_no_other_with_it(world: World) -> None:
    seen = await world.positions().claim(P, log())
    other = await world.positions().claim(Q, log())
    now = await world.positions().claim(P, log())
    with pytest.raises(CannotMove):
        await world.moves().make([to(70, other), to(70, seen)], "too late")
    assert await world.moves().rows() == [now, other]
    assert await world.moved() == []
    (made,) = await world.moves().make([to(70, seen)], "all the same", force=True)
    assert made.before == now
    assert [row.next_offset for row in await world.moves().rows()] == [70, 0]


async def test_a_row_that_was_made_meanwhile_is_seen(world: World) -> None:
    await world.positions().claim(P, log())
    with pytest.raises(CannotMove):
        await world.moves().make([to(5)], "a new start")
    assert [row.next_offset for row in await world.moves().rows()] == [0]


async def test_a_good_bye_is_no_move(world: World) -> None:
    owned = await world.positions().claim(P, log())
    await world.positions().release(P, owned.epoch)
    await world.moves().make([to(70, owned)], "because")


async def test_a_move_waits_for_the_open_transaction_of_the_owner(world: World) -> None:
    owned = await world.positions().claim(P, log())
    async with world.begin() as uow:
        await uow.advance([Span(P, owned.epoch, 0, 5)])
        move = asyncio.create_task(world.moves().make([to(70, owned)], "because", force=True))
        await world.until_waiting(move)
        await uow.commit()
    (made,) = await move
    assert made.before == replace(owned, next_offset=5, claims=0)


async def test_a_topic_is_accepted_once_and_only_one_that_was_seen(world: World) -> None:
    moves = world.moves()
    assert await moves.accept("allocations", "b", "made anew") is None
    await world.outbox().topics({"allocations": "a"})
    assert await moves.accept("allocations", "b", "made anew") == "a"
    assert await moves.accept("allocations", "b", "made anew") == "b"
    assert await moves.topics() == {"allocations": "b"}
    assert await world.moved() == [("allocations", None, "made anew")]


async def test_the_shelf_tells_from_where_nothing_is_missing(world: World) -> None:
    assert await world.moves().shelf() == Shelf(0, -1, 0, started=False)
    for sensor in "abcd":
        await world.append(sensor)
    await world.outbox().trim(1)
    assert await world.moves().shelf() == Shelf(1, 0, 4, started=False)
    await world.take_out(2)
    assert await world.moves().shelf() == Shelf(1, 2, 4, started=False)
    await world.take_out(4)
    assert await world.moves().shelf() == Shelf(1, 4, 4, started=False)
    assert (await world.moves().waiting(2)).rows == 2


async def test_the_witness_is_the_row_itself(world: World) -> None:
    await world.append("a")
    await world.append("b")
    cursor = await world.moves().bear_witness(1, None, "positions", "lost")
    assert [row.number for row in follow(cursor, await world.outbox().page(1))] == [2]
    assert (await world.outbox().standing()).started
    assert await world.moved() == [("positions", None, "lost")]


@pytest.mark.parametrize("missing", [[2], [1, 2], [0, 1, 2]])
async def test_a_row_that_is_gone_gets_a_stand_in_and_what_follows_is_whole(world: World, missing: list[int]) -> None:
    for sensor in "abcd":
        await world.append(sensor)
    for number in missing:
        await world.take_out(number)
    cursor = await world.moves().bear_witness(2, None, "positions", "taken out")
    assert [row.number for row in follow(cursor, await world.outbox().page(2))] == [3, 4]
    await world.append("e")
    assert (await world.moves().shelf()).last == 5
    assert await world.moves().bear_witness(2, cursor, "positions", "again") == cursor
    assert [reason for _, _, reason in await world.moved()] == ["taken out"]


async def test_all_may_be_taken_for_published(world: World) -> None:
    await world.append("a")
    for number in (0, 1):
        await world.take_out(number)
    cursor = await world.moves().bear_witness(1, None, "positions", "emptied")
    assert cursor.number == 1
    await world.append("b")
    assert [row.number for row in follow(cursor, await world.outbox().page(1))] == [2]


@pytest.mark.parametrize(
    ("published", "number", "passed"),
    [
        (Cursor(1, "row"), 3, [2, 3]),
        (Cursor(3, "row"), 1, [2, 3]),
        (Cursor(9, "of another state"), 3, [4]),
        (None, 2, [0, 1, 2, 3, 4]),
    ],
)
async def test_the_rows_that_a_move_goes_over_are_kept(
    world: World, published: Cursor | None, number: int, passed: list[int]
) -> None:
    for sensor in "abcd":
        await world.append(sensor)
    await world.moves().bear_witness(number, published, "positions", "moved")
    assert await world.passed() == passed
    await world.outbox().trim(4)
    assert await world.passed() == passed, "also once the outbox has forgotten them"


@pytest.mark.parametrize("number", [-1, 1, 5])
async def test_a_number_that_would_halt_the_relay_again_is_refused(world: World, number: int) -> None:
    for sensor in "abcd":
        await world.append(sensor)
    await world.take_out(2)
    with pytest.raises(CannotMove, match="allowed: 2 to 4"):
        await world.moves().bear_witness(number, None, "positions", "lost")
    assert await world.moved() == []
    assert not (await world.outbox().standing()).started


async def test_the_cursor_of_before_is_a_cursor(world: World) -> None:
    cursor = await world.moves().bear_witness(0, None, "positions", "a new start")
    assert cursor == (await world.outbox().standing()).origin
    assert isinstance(cursor, Cursor)
