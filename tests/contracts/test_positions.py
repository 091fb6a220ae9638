"""What every keeper of positions promises: who owns a partition, from where, and how often it was tried."""

import asyncio

from python_app_template.core.delivery.messages import Span
from python_app_template.core.delivery.positions import SUSPECT_AFTER, Position
from tests.builders import GROUP, TOPIC_ID, P, log
from tests.worlds import REACH, World


async def consume(world: World, span: Span) -> None:
    async with world.begin() as uow:
        assert not await uow.advance([span])
        await uow.commit()


async def test_the_first_claim_makes_the_row_at_the_logs_start(world: World) -> None:
    assert await world.positions().read(P) is None
    claimed = await world.positions().claim(P, log(start=7))
    assert claimed == Position(P, GROUP, TOPIC_ID, epoch=1, next_offset=7, claims=1)
    assert await world.positions().read(P) == claimed


async def test_each_claim_raises_the_epoch_and_keeps_the_place(world: World) -> None:
    await world.positions().claim(P, log())
    await consume(world, Span(P, 1, 0, 5))
    claimed = await world.positions().claim(P, log(start=3))
    assert (claimed.epoch, claimed.next_offset, claimed.claims) == (2, 5, 1)


async def test_a_row_of_another_group_is_shown_and_left_alone(world: World) -> None:
    theirs = await world.positions("another").claim(P, log())
    assert await world.positions().claim(P, log()) == theirs
    assert await world.positions().read(P) == theirs


async def test_a_row_of_another_topic_id_is_shown_and_left_alone(world: World) -> None:
    before = await world.positions().claim(P, log())
    assert await world.positions().claim(P, log(topic_id="made-anew")) == before
    assert await world.positions().read(P) == before


async def test_claims_at_once_get_an_epoch_each(world: World) -> None:
    rows = await asyncio.gather(*(world.positions().claim(P, log()) for _ in range(8)))
    assert sorted(row.epoch for row in rows) == [*range(1, 9)]


async def test_too_many_claims_without_a_commit_are_suspect(world: World) -> None:
    ends = [(await world.positions().claim(P, log(start=4))).suspect_end for _ in range(SUSPECT_AFTER)]
    assert ends == [None, None, 4 + REACH]


async def test_claims_with_a_commit_in_between_are_not(world: World) -> None:
    for offset in range(5):
        claimed = await world.positions().claim(P, log())
        assert (claimed.claims, claimed.suspect_end) == (1, None)
        await consume(world, Span(P, claimed.epoch, offset, offset + 1))


async def test_a_suspicion_is_never_shortened(world: World) -> None:
    for _ in range(SUSPECT_AFTER):
        claimed = await world.positions().claim(P, log())
    await consume(world, Span(P, claimed.epoch, 0, 2))
    assert (await world.positions().claim(P, log())).suspect_end == REACH
    for _ in range(SUSPECT_AFTER):
        claimed = await world.positions().claim(P, log())
    assert (claimed.suspect_end or 0) >= REACH


async def test_reading_shows_what_is_committed_and_does_not_wait(world: World) -> None:
    claimed = await world.positions().claim(P, log())
    async with world.begin() as uow:
        await uow.advance([Span(P, claimed.epoch, 0, 5)])
        assert await world.positions().read(P) == claimed


async def test_announcements_of_one_offset_are_counted(world: World) -> None:
    positions, epoch = world.positions(), (await world.positions().claim(P, log())).epoch
    assert [await positions.announce(Span(P, epoch, 0, 1)) for _ in range(3)] == [1, 2, 3]
    epoch = (await positions.claim(P, log())).epoch
    assert await positions.announce(Span(P, epoch, 0, 1)) == 4
    await consume(world, Span(P, epoch, 0, 1))
    assert await positions.announce(Span(P, epoch, 1, 2)) == 1


async def test_who_does_not_own_the_row_announces_nothing(world: World) -> None:
    positions, epoch = world.positions(), (await world.positions().claim(P, log())).epoch
    assert await positions.announce(Span(P, epoch - 1, 0, 1)) is None
    assert await positions.announce(Span(P, epoch, 1, 2)) is None
    await world.forget(P)
    assert await positions.announce(Span(P, epoch, 0, 1)) is None


async def test_a_good_bye_forgets_claims_and_tries(world: World) -> None:
    positions, epoch = world.positions(), (await world.positions().claim(P, log())).epoch
    await positions.announce(Span(P, epoch, 0, 1))
    await positions.release(P, epoch)
    claimed = await positions.claim(P, log())
    assert (claimed.claims, await positions.announce(Span(P, claimed.epoch, 0, 1))) == (1, 1)


async def test_a_good_bye_of_a_former_owner_changes_nothing(world: World) -> None:
    positions, old = world.positions(), (await world.positions().claim(P, log())).epoch
    new = await positions.claim(P, log())
    await positions.release(P, old)
    assert await positions.read(P) == new
