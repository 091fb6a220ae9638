"""What every unit of work promises: all of it or none of it, positions first, in the order of its locks."""

import asyncio
from collections.abc import Sequence

import pytest

from python_app_template.core.delivery.messages import Partition, Span
from python_app_template.core.delivery.positions import Position, Verdict, judge
from tests.builders import P, Q, log
from tests.second_domain.sensors import Sensor
from tests.worlds import World, fact

OTHER_TOPIC = Partition("another-topic", 0)


async def claimed(world: World, partition: Partition = P) -> int:
    """Claim it and return the epoch."""
    return (await world.positions().claim(partition, log())).epoch


async def row(world: World, partition: Partition = P) -> Position:
    found = await world.positions().read(partition)
    assert found is not None
    return found


async def consume(world: World, *spans: Span, register: Sequence[str] = ()) -> Sequence[Position]:
    """Move the spans and, where they moved, register sensors and say so in events."""
    async with world.begin() as uow:
        unmoved = await uow.advance(spans)
        if unmoved:
            return unmoved
        state = await uow.store.load(frozenset(register))
        for name in register:
            state.known[name] = Sensor(1.0)
        uow.outbox.put([fact(name) for name in register], [])
        await uow.commit()
    return ()


async def test_what_is_committed_is_there_for_the_next(world: World) -> None:
    epoch = await claimed(world)
    assert not await consume(world, Span(P, epoch, 0, 5), register=["a"])
    assert await world.sensors() == {"a": Sensor(1.0)}
    assert await world.published() == ["a"]
    assert (await row(world)).next_offset == 5
    async with world.begin() as uow:
        assert not await uow.advance([Span(P, epoch, 5, 6)])
        assert (await uow.store.load(frozenset({"a", "b"}))).known == {"a": Sensor(1.0)}


async def test_what_is_handed_out_is_watched(world: World) -> None:
    epoch = await claimed(world)
    await consume(world, Span(P, epoch, 0, 1), register=["a", "b"])
    async with world.begin() as uow:
        await uow.advance([Span(P, epoch, 1, 2)])
        state = await uow.store.load(frozenset({"a", "b"}))
        state.known["a"].alarmed = True
        await uow.commit()
    assert {name: sensor.alarmed for name, sensor in (await world.sensors()).items()} == {"a": True, "b": False}


async def test_leaving_without_a_commit_changes_nothing(world: World) -> None:
    epoch = await claimed(world)
    before = await row(world)
    async with world.begin() as uow:
        await uow.advance([Span(P, epoch, 0, 5)])
        (await uow.store.load(frozenset({"a"}))).known["a"] = Sensor(1.0)
        uow.outbox.put([fact("a")], [])
    assert (await world.sensors(), await world.published(), await row(world)) == ({}, [], before)


async def test_an_error_inside_rolls_back_and_goes_on_up(world: World) -> None:
    epoch = await claimed(world)
    before = await row(world)

    async def fail() -> None:
        async with world.begin() as uow:
            await uow.advance([Span(P, epoch, 0, 5)])
            await uow.store.load(frozenset({"a"}))
            uow.outbox.put([fact("a")], [])
            raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        await fail()
    assert (await world.sensors(), await world.published(), await row(world)) == ({}, [], before)


async def test_a_span_that_starts_elsewhere_is_answered_with_the_row(world: World) -> None:
    epoch = await claimed(world)
    await consume(world, Span(P, epoch, 0, 5))
    for start in (0, 4, 6):
        [found] = await consume(world, Span(P, epoch, start, 9), register=["a"])
        assert found == await row(world)
    assert await world.published() == []


async def test_an_old_epoch_can_not_commit(world: World) -> None:
    old = await claimed(world)
    new = await claimed(world)
    [found] = await consume(world, Span(P, old, 0, 5), register=["a"])
    assert (found.epoch, found.next_offset) == (new, 0)
    assert not await consume(world, Span(P, new, 0, 5), register=["a"])


async def test_a_row_that_is_gone_is_answered_too(world: World) -> None:
    epoch = await claimed(world)
    await world.forget(P)
    span = Span(P, epoch, 0, 5)
    [found] = await consume(world, span, register=["a"])
    assert (found.partition, judge(span, found)) == (P, Verdict.LOST)


async def test_of_several_rows_those_that_did_not_move_are_the_answer(world: World) -> None:
    first, second = await claimed(world, P), await claimed(world, Q)
    found = await consume(world, Span(P, first, 0, 5), Span(Q, second - 1, 0, 5))
    assert [one.partition for one in found] == [Q]
    assert (await row(world, P)).next_offset == 0


async def test_rows_of_other_topics_are_left_alone(world: World) -> None:
    epoch = await claimed(world)
    assert epoch == await claimed(world, OTHER_TOPIC)
    before = await row(world, OTHER_TOPIC)
    await consume(world, Span(P, epoch, 0, 5))
    assert await row(world, OTHER_TOPIC) == before


async def test_a_commit_clears_the_claims_and_a_span_without_length_proves_nothing(world: World) -> None:
    await claimed(world)
    epoch = await claimed(world)
    await consume(world, Span(P, epoch, 0, 0))
    assert (await row(world)).claims == 2
    await consume(world, Span(P, epoch, 0, 1))
    assert (await row(world)).claims == 0


async def test_only_a_commit_at_its_end_ends_suspicion(world: World) -> None:
    epoch = [await claimed(world) for _ in range(3)][-1]
    end = (await row(world)).suspect_end
    assert end is not None
    await consume(world, Span(P, epoch, 0, end - 1))
    assert (await row(world)).suspect_end == end
    await consume(world, Span(P, epoch, end - 1, end))
    assert (await row(world)).suspect_end is None


async def test_offsets_and_epochs_may_be_large(world: World) -> None:
    epoch = (await world.positions().claim(P, log(2**41, start=2**40))).epoch
    assert not await consume(world, Span(P, epoch, 2**40, 2**41))
    assert (await row(world)).next_offset == 2**41


async def test_of_two_with_the_same_span_one_moves_and_the_other_sees_that(world: World) -> None:
    epoch = await claimed(world)
    span = Span(P, epoch, 0, 5)
    async with world.begin() as first:
        assert not await first.advance([span])
        second = asyncio.create_task(consume(world, span, register=["a"]))
        await world.until_waiting(second)
        await first.commit()
    [found] = await second
    assert judge(span, found) is Verdict.APPLIED


async def test_one_that_waits_sees_that_the_other_rolled_back(world: World) -> None:
    epoch = await claimed(world)
    span = Span(P, epoch, 0, 5)
    async with world.begin() as first:
        assert not await first.advance([span])
        second = asyncio.create_task(consume(world, span, register=["a"]))
        await world.until_waiting(second)
    assert not await second
    assert await world.published() == ["a"]


async def test_a_claim_waits_for_the_owners_open_transaction(world: World) -> None:
    epoch = await claimed(world)
    async with world.begin() as owner:
        await owner.advance([Span(P, epoch, 0, 5)])
        claim = asyncio.create_task(world.positions().claim(P, log()))
        await world.until_waiting(claim)
        await owner.commit()
    found = await claim
    assert (found.epoch, found.next_offset) == (epoch + 1, 5)


async def test_rows_are_locked_in_one_order_whatever_the_order_of_the_spans(world: World) -> None:
    epochs = {P: await claimed(world, P), Q: await claimed(world, Q)}

    async def hammer(*partitions: Partition) -> int:
        moved = 0
        while moved < 15:
            spans = [Span(p, epochs[p], at := (await row(world, p)).next_offset, at + 1) for p in partitions]
            moved += not await consume(world, *spans)
        return moved

    async with asyncio.timeout(20):
        await asyncio.gather(hammer(P, Q), hammer(Q, P), hammer(P, Q), hammer(Q, P))
    assert (await row(world, P)).next_offset == (await row(world, Q)).next_offset == 60


async def test_the_state_is_locked_so_no_change_is_lost(world: World) -> None:
    epochs = {P: await claimed(world, P), Q: await claimed(world, Q)}
    await consume(world, Span(P, epochs[P], 0, 1), register=["a"])

    async def count(partition: Partition, start: int) -> None:
        for offset in range(start, start + 20):
            async with world.begin() as uow:
                assert not await uow.advance([Span(partition, epochs[partition], offset, offset + 1)])
                (await uow.store.load(frozenset({"a"}))).known["a"].last += 1
                uow.outbox.put([fact("a", offset)], [])
                await uow.commit()

    await asyncio.gather(count(P, 1), count(Q, 0))
    assert (await world.sensors())["a"].last == 39
    assert len(await world.published()) == 41


async def test_a_cancelled_transaction_holds_nothing(world: World) -> None:
    epoch = await claimed(world)
    inside = asyncio.Event()

    async def stay() -> None:
        async with world.begin() as uow:
            await uow.advance([Span(P, epoch, 0, 5)])
            await uow.store.load(frozenset({"a"}))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await consume(world, Span(P, epoch, 0, 5), register=["a"])


async def test_events_come_in_the_order_of_commits(world: World) -> None:
    epochs = {P: await claimed(world, P), Q: await claimed(world, Q)}
    async with world.begin() as early:
        await early.advance([Span(P, epochs[P], 0, 1)])
        early.outbox.put([fact("early")], [])
        assert not await consume(world, Span(Q, epochs[Q], 0, 1), register=["late-1", "late-2"])
        await early.commit()
    assert await world.published() == ["late-1", "late-2", "early"]
