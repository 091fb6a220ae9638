"""The projector: what it follows, when it looks things up, and when it makes the copy anew."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

import pytest

from python_app_template.adapters.secondary.redis.stock.copy import RedisStockCopy
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.domain.views import StockView
from python_app_template.core.ports.stock_copy import Standing, StockSnapshot
from python_app_template.core.ports.views import Window
from python_app_template.core.use_cases.project_stock import ProjectStock
from python_app_template.core.use_cases.rebuild_stock import RebuildStock
from tests.copies import FakeSnapshot, InRedis
from tests.fakes.following import FakeFollowed
from tests.shop import Body, bought, cancelled, changed, placed

pytestmark = pytest.mark.servers


class Projecting:
    """A projector of the shop's, and what it told of itself."""

    def __init__(self, shop: InRedis, copy: RedisStockCopy | None = None) -> None:
        self.shop, self.log, self.rebuilt = shop, FakeFollowed(shop.log), list[str]()
        self.copy = copy or RedisStockCopy(shop.client, shop.settings)
        self.use_case = ProjectStock(
            self.log,
            self.copy,
            shop.tables,
            shop.rebuild(self.copy),
            shop.clock.pause,
            shop.clock,
            shop.counted,
            lambda _place, _bounds: None,
            self.rebuilt.append,
        )

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Run until that holds, then drain."""
        running = asyncio.create_task(self.use_case())
        try:
            async with asyncio.timeout(10):
                while not await holds():
                    assert not running.done(), running.result()
                    await asyncio.sleep(0)
                self.use_case.drain()
                await running
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def is_caught_up(self) -> bool:
        """Whether the copy is at the log's end, and says what the tables say."""
        with suppress(TransientError):
            shown = await self.shop.stock.page(Window(100))
            return shown == await self.shop.tables.page(Window(100))
        return False

    async def catch_up(self) -> None:
        await self.until(self.is_caught_up)


SOME: Sequence[Body] = (
    bought("b", "S", 10),
    bought("c", "T", 3),
    placed("o", ("S", 4), ("T", 2), ("S", 9)),
    changed("b", 2),
    cancelled("o"),
)


@pytest.fixture
async def projecting(shop: InRedis) -> Projecting:
    """One that finds a copy which another has left in good order."""
    await shop.catch_up()
    await shop.copy.release()
    return Projecting(shop)


async def test_it_goes_on_where_the_copy_stands(shop: InRedis, projecting: Projecting) -> None:
    shop.log.publish(shop.decide(*SOME[:2]))
    await projecting.catch_up()
    shop.log.publish(shop.decide(*SOME[2:]))
    again = Projecting(shop)
    await again.catch_up()
    assert (shop.counted.dropped, shop.counted.reloaded, again.rebuilt) == (0, 0, [])
    assert shop.counted.applied == sum(event is not None for log in shop.log.partitions.values() for event in log)


async def test_a_gap_has_the_sku_looked_up_and_what_follows_applies_again(
    shop: InRedis, projecting: Projecting
) -> None:
    shop.decide(bought("b", "S", 10))  # an event that never arrives
    shop.log.publish(shop.decide(placed("o", ("S", 4))))
    await projecting.catch_up()
    assert (shop.counted.reloaded, shop.counted.applied) == (1, 0)
    shop.log.publish(shop.decide(placed("p", ("S", 1))))
    await Projecting(shop).catch_up()
    assert (shop.counted.reloaded, shop.counted.applied) == (1, 1)


async def test_the_tables_may_be_ahead_of_the_log_after_it(shop: InRedis, projecting: Projecting) -> None:
    """What was looked up holds events that are still to come; they are dropped then."""
    shop.decide(bought("b", "S", 10))
    late = shop.decide(placed("o", ("S", 4))), shop.decide(placed("p", ("S", 1)), placed("q", ("S", 1)))
    shop.log.publish(late[0])
    await projecting.catch_up()
    shop.log.publish(late[1])
    shop.log.publish(shop.decide(placed("r", ("S", 1))))
    await Projecting(shop).catch_up()
    assert (shop.counted.reloaded, shop.counted.applied, shop.counted.dropped) == (1, 1, 2)


async def test_an_event_that_the_tables_can_not_explain_changes_nothing(shop: InRedis, projecting: Projecting) -> None:
    """The database was set back: the log has what it does not know. The tables are the truth."""
    shop.log.publish(shop.decide(bought("b", "S", 10)))
    await projecting.catch_up()
    before = shop.held.products["S"].version
    beyond = shop.decide(placed("o", ("S", 4)), placed("p", ("S", 1)))
    shop.held.products["S"].version = before
    shop.held.batches["b"].allocated = 0
    shop.log.publish(beyond[1:])
    shop.log.publish(shop.decide(bought("c", "T", 1)))
    await Projecting(shop).catch_up()


@pytest.mark.parametrize("why", ["nothing_there", "topic_recreated", "log_truncated", "partitions_changed"])
async def test_a_copy_that_can_not_be_gone_on_from_is_made_anew(
    why: str, shop: InRedis, projecting: Projecting
) -> None:
    shop.log.publish(shop.decide(*SOME))
    await projecting.catch_up()
    shop.decide(placed("unseen", ("S", 1)))
    match why:
        case "nothing_there":
            await shop.client.delete(f"{shop.settings.prefix}:stock")
        case "topic_recreated":
            shop.log.topic_id, shop.log.partitions = "made-anew", {0: [], 1: []}
        case "log_truncated":
            shop.log.partitions[0] += [None] * 9
            shop.log.starts[0] = len(shop.log.partitions[0]) - 1
        case "partitions_changed":
            shop.log.partitions[2], shop.log.starts[2] = [], 0
    anew = Projecting(shop)
    await anew.catch_up()
    assert anew.rebuilt == [why]
    assert anew.log.started[-1].topic_id == shop.log.topic_id


async def test_a_log_that_becomes_another_while_it_is_followed_is_noticed(
    shop: InRedis, projecting: Projecting
) -> None:
    shop.log.publish(shop.decide(*SOME))

    async def made_anew() -> bool:
        if await projecting.is_caught_up() and shop.log.topic_id != "made-anew":
            shop.log.topic_id, shop.log.partitions = "made-anew", {0: [], 1: []}
            shop.decide(placed("unseen", ("S", 1)))
        shop.clock.time += 0.1
        return bool(projecting.rebuilt) and await projecting.is_caught_up()

    await projecting.until(made_anew)
    assert projecting.rebuilt == ["topic_recreated"]


async def test_after_a_fault_the_place_is_read_again(shop: InRedis, projecting: Projecting) -> None:
    shop.log.publish(shop.decide(*SOME))
    projecting.log.faults = [TransientError("away"), TransientError("away")]
    await projecting.catch_up()
    assert len(projecting.log.started) == 3
    assert projecting.rebuilt == []


async def test_a_copy_that_was_moved_or_set_back_behind_its_back_is_followed_from_where_it_stands(
    shop: InRedis, projecting: Projecting
) -> None:
    shop.log.publish(shop.decide(*SOME[:3]))
    kept: dict[bytes, bytes] = {}

    async def set_back() -> bool:
        nonlocal kept
        if not await projecting.is_caught_up():
            return False
        if not kept:
            async for key in shop.client.scan_iter(f"{shop.settings.prefix}:*"):
                kept[key] = await shop.client.dump(key) or b""
            shop.log.publish(shop.decide(*SOME[3:]))
            return False
        for key, dump in kept.items():
            await shop.client.restore(key, 0, dump, replace=True)
        return True

    await projecting.until(set_back)
    shop.log.publish(shop.decide(placed("after", ("T", 1))))
    again = Projecting(shop)
    await again.catch_up()
    assert (again.rebuilt, shop.counted.reloaded) == ([], 0)


async def test_who_is_drained_lets_another_take_over_at_once(shop: InRedis, projecting: Projecting) -> None:
    shop.log.publish(shop.decide(*SOME))
    await projecting.catch_up()
    other = RedisStockCopy(shop.client, shop.settings)
    assert await other.claim() is not None
    assert await Projecting(shop).copy.claim() is None


async def test_who_does_not_have_the_copy_waits_and_writes_nothing(shop: InRedis, projecting: Projecting) -> None:
    assert await shop.copy.claim() is not None
    shop.log.publish(shop.decide(*SOME))
    at = shop.clock.time

    async def has_tried() -> bool:
        return shop.clock.time > at + 5

    await projecting.until(has_tried)
    assert projecting.log.started == []
    assert (await shop.stock.page(Window(9))).items == ()


class Slow(StockSnapshot):
    """Lets things happen between the log's end and the moment of the snapshot, and after it."""

    def __init__(self, inner: StockSnapshot, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._inner, self._before, self._after = inner, before, after

    async def pages(self) -> AsyncIterator[Sequence[StockView]]:
        self._before()
        async for page in self._inner.pages():
            yield page
            await asyncio.sleep(0)
        self._after()


async def test_what_happens_while_it_is_made_anew_is_in_it_once(shop: InRedis) -> None:
    shop.log.publish(shop.decide(*SOME[:3]))

    def trade(*bodies: Body) -> Callable[[], None]:
        return lambda: shop.log.publish(shop.decide(*bodies))

    snapshot = Slow(FakeSnapshot(shop.tables), trade(SOME[3]), trade(SOME[4], bought("late", "U", 1)))
    standing = await RebuildStock(FakeFollowed(shop.log), shop.copy, snapshot, shop.tables, shop.clock, shop.counted)()
    assert standing != Standing()
    assert await shop.stock.page(Window(9)) == await shop.tables.page(Window(9))
    assert shop.counted.dropped > 0
    assert shop.counted.applied > 0


async def test_a_rebuild_beside_a_projector_takes_the_copy_from_its_hands_and_it_goes_on(
    shop: InRedis, projecting: Projecting
) -> None:
    shop.log.publish(shop.decide(*SOME))
    rebuilt: list[Standing] = []

    async def has_gone_on() -> bool:
        if not rebuilt and await projecting.is_caught_up():
            rebuilt.append(await shop.rebuild(RedisStockCopy(shop.client, shop.settings))())
            shop.log.publish(shop.decide(bought("late", "U", 1)))
        return bool(rebuilt) and await projecting.is_caught_up()

    await projecting.until(has_gone_on)
    assert projecting.rebuilt == []
    standing = await shop.copy.claim()
    assert standing is not None
    assert standing.generation == rebuilt[0].generation
