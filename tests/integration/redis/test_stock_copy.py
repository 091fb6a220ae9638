"""What the copy promises its writers: all or nothing, one owner, a place that is proved, and generations."""

import asyncio

import pytest

from python_app_template.adapters.secondary.redis.connection import connected
from python_app_template.adapters.secondary.redis.stock.copy import RedisStockCopy
from python_app_template.adapters.secondary.redis.stock.views import RedisStockViews
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.following import Place
from python_app_template.core.domain.events import LineAllocated
from python_app_template.core.domain.projection import Change, fold
from python_app_template.core.domain.views import BatchView, StockView
from python_app_template.core.ports.stock_copy import Displaced, NotCurrent, Standing
from python_app_template.core.ports.views import Window
from tests.copies import InRedis, redis_settings
from tests.shop import bought, placed

pytestmark = pytest.mark.servers

START = Place("topic-id", {0: 5, 1: 7})


def change(sku: str, base: int, version: int, allocated: int = 0) -> Change:
    """A change of one batch; from version 0 it makes that."""
    new = {"b": 10} if base == 0 else {}
    return Change(sku, base, version, dict.fromkeys(new), new, {"b": allocated})


async def begun(copy: RedisStockCopy) -> str:
    """A generation that is read from, of one SKU at version 1."""
    assert await copy.claim() is not None
    generation = await copy.begin(START)
    assert await copy.move(generation, START, {}, [change("S", 0, 1)], 0.0) == {}
    assert await copy.swap(generation)
    return generation


@pytest.fixture
async def generation(shop: InRedis) -> str:
    return await begun(shop.copy)


async def test_values_and_place_move_together(shop: InRedis, generation: str) -> None:
    assert await shop.copy.move(generation, START, {1: 9}, [change("S", 1, 3, 4), change("T", 0, 1)], 0.0) == {}
    assert await shop.copy.claim() == Standing(generation, Place("topic-id", {0: 5, 1: 9}))
    batches = (BatchView("b", 10, 6, None),)
    assert (await shop.stock.stock(["S"])) == {"S": StockView("S", 3, 6, batches)}
    assert [view.sku for view in (await shop.stock.page(Window(9))).items] == ["S", "T"]


async def test_one_sku_at_another_version_and_nothing_moves(shop: InRedis, generation: str) -> None:
    before = await shop.stock.page(Window(9))
    changes = [change("T", 0, 1), change("S", 2, 3, 4), change("NEW", 7, 8)]
    assert await shop.copy.move(generation, START, {1: 9}, changes, 0.0) == {"S": 1, "NEW": 0}
    assert await shop.stock.page(Window(9)) == before
    assert await shop.copy.claim() == Standing(generation, START)


async def test_a_whole_sku_takes_the_place_of_whatever_is_there(shop: InRedis, generation: str) -> None:
    view = StockView("S", 9, 3, (BatchView("c", 4, 3, None),))
    assert await shop.copy.move(generation, START, {}, [Change.to(view)], 0.0) == {}
    assert await shop.stock.stock(["S"]) == {"S": view}
    assert len((await shop.stock.page(Window(9))).items) == 1


async def test_between_a_change_of_quantity_and_the_lines_that_it_takes_off_nothing_is_available(
    shop: InRedis, generation: str
) -> None:
    await shop.copy.move(generation, START, {}, [change("S", 1, 2, 4)], 0.0)
    shrunk = Change("S", 2, 3, {}, {"b": 1}, {})
    await shop.copy.move(generation, START, {}, [shrunk], 0.0)
    assert await shop.stock.stock(["S"]) == {"S": StockView("S", 3, 0, (BatchView("b", 1, 0, None),))}
    await shop.copy.move(generation, START, {}, [Change("S", 3, 4, {}, {}, {"b": -4})], 0.0)
    assert (await shop.stock.stock(["S"]))["S"].available == 1


async def test_a_change_of_thousands_of_batches_is_one_too(shop: InRedis, generation: str) -> None:
    refs = [f"ref-{n:05}" for n in range(9000)]
    whole = StockView("S", 9, 9000, tuple(BatchView(ref, 2, 1, None) for ref in refs))
    assert await shop.copy.move(generation, START, {}, [Change.to(whole)], 0.0) == {}
    events = [LineAllocated("S", 10 + n, "o", n, 1, ref, None) for n, ref in enumerate(refs)]
    assert await shop.copy.move(generation, START, {}, fold(events).changes.values(), 0.0) == {}
    found = (await shop.stock.stock(["S"]))["S"]
    assert (found.version, found.available, len(found.batches)) == (9009, 0, 9000)


@pytest.mark.parametrize(
    "place", [Place("topic-id", {0: 4, 1: 7}), Place("topic-id", {0: 5, 1: 8}), Place("another", {0: 5, 1: 7})]
)
async def test_a_writer_that_is_not_where_the_copy_stands_is_displaced(
    shop: InRedis, generation: str, place: Place
) -> None:
    with pytest.raises(Displaced):
        await shop.copy.move(generation, place, {1: 9}, [change("S", 1, 2, 4)], 0.0)
    assert (await shop.stock.stock(["S"]))["S"].version == 1


async def test_a_call_whose_answer_was_lost_can_not_be_done_twice(shop: InRedis, generation: str) -> None:
    await shop.copy.move(generation, START, {1: 9}, [change("S", 1, 2, 4)], 0.0)
    with pytest.raises(Displaced):
        await shop.copy.move(generation, START, {1: 9}, [change("S", 1, 2, 4)], 0.0)
    assert (await shop.stock.stock(["S"]))["S"].available == 6


async def test_one_at_a_time_has_the_copy(shop: InRedis, generation: str) -> None:
    other = RedisStockCopy(shop.client, shop.settings)
    assert await other.claim() is None
    with pytest.raises(Displaced):
        await other.move(generation, START, {1: 9}, [], 0.0)
    await other.release()
    assert await other.claim() is None
    await shop.copy.release()
    assert await other.claim() == Standing(generation, START)
    with pytest.raises(Displaced):
        await shop.copy.move(generation, START, {1: 9}, [], 0.0)


async def test_one_that_is_not_heard_of_loses_the_copy_and_finds_out(redis_url: str, shop: InRedis) -> None:
    settings = redis_settings(redis_url, prefix=f"{shop.settings.prefix}:own")
    frozen = RedisStockCopy(shop.client, settings, lease_seconds=0.05)
    generation = await begun(frozen)
    heir = RedisStockCopy(shop.client, settings)
    async with asyncio.timeout(20):
        while await heir.claim() is None:  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0.01)
    with pytest.raises(Displaced):
        await frozen.move(generation, START, {1: 9}, [change("S", 1, 2, 4)], 0.0)
    assert await heir.move(generation, START, {1: 9}, [change("S", 1, 2, 4)], 0.0) == {}


async def test_each_move_renews_the_claim(redis_url: str, shop: InRedis) -> None:
    settings = redis_settings(redis_url, prefix=f"{shop.settings.prefix}:own")
    busy, other = (RedisStockCopy(shop.client, settings, lease_seconds=2) for _ in range(2))
    generation = await begun(busy)
    for _ in range(10):
        await busy.move(generation, START, {}, [], 0.0)
        assert await other.claim() is None
        await asyncio.sleep(0.25)


async def test_nobody_sees_a_generation_before_it_is_swapped_in(shop: InRedis, generation: str) -> None:
    building = await shop.copy.begin(START)
    await shop.copy.move(building, START, {1: 9}, [change("NEW", 0, 1)], 0.0)
    assert await shop.stock.stock(["NEW"]) == {}
    assert await shop.copy.swap(building)
    assert (await shop.stock.stock(["NEW", "S"])).keys() == {"NEW"}
    with pytest.raises(Displaced):
        await shop.copy.move(generation, START, {1: 9}, [change("S", 1, 2)], 0.0)


async def test_a_generation_that_is_behind_the_one_that_is_read_from_is_not_swapped_in(
    shop: InRedis, generation: str
) -> None:
    building = await RedisStockCopy(shop.client, shop.settings).begin(START)
    await shop.copy.move(generation, START, {1: 9}, [], 0.0)
    assert not await shop.copy.swap(building)
    await shop.copy.move(building, START, {1: 9}, [], 0.0)
    assert await shop.copy.swap(building)


async def test_a_generation_of_another_topic_is_swapped_in_wherever_it_stands(shop: InRedis, generation: str) -> None:
    del generation
    anew = Place("made-anew", {0: 0, 1: 0})
    building = await shop.copy.begin(anew)
    assert await shop.copy.swap(building)
    assert await shop.copy.claim() == Standing(building, anew)


async def test_what_nobody_reads_from_is_swept_and_what_is_being_built_is_not(shop: InRedis, generation: str) -> None:
    many = [change(f"S{n:04}", 0, 1) for n in range(1200)]
    await shop.copy.move(generation, START, {}, many, 0.0)
    building = await shop.copy.begin(START)
    await shop.copy.move(building, START, {}, [change("NEW", 0, 1)], 0.0)
    other = await shop.copy.begin(START)
    await shop.copy.swap(building)
    await shop.client.hset(f"{shop.settings.prefix}:stock:generations", building, "1")  # built long ago
    await shop.copy.sweep()
    left = [key async for key in shop.client.scan_iter(f"{shop.settings.prefix}:*", count=1000)]
    assert not [key for key in left if generation in key.decode()]
    assert await shop.copy.move(other, START, {}, [], 0.0) == {}
    assert (await shop.stock.stock(["NEW"])).keys() == {"NEW"}


async def test_a_copy_that_is_not_there_is_told_from_an_empty_one(redis_url: str, shop: InRedis) -> None:
    views = RedisStockViews(shop.client, redis_settings(redis_url, prefix=f"{shop.settings.prefix}:own"))
    for question in (views.stock(["S"]), views.page(Window(1))):
        with pytest.raises(NotCurrent) as told:
            await question
        assert told.value.code == "unready"
    assert await shop.stock.stock(["S"]) == {}


async def test_a_copy_that_is_behind_for_too_long_says_so(redis_url: str, shop: InRedis) -> None:
    settings = redis_settings(redis_url, prefix=f"{shop.settings.prefix}:own", stale_seconds=5)
    copy = RedisStockCopy(shop.client, settings)
    views, patient = (RedisStockViews(shop.client, settings, fresh=fresh) for fresh in (True, False))
    generation = await begun(copy)
    assert (await views.stock(["S"])).keys() == {"S"}
    for age, answers in ((4.0, True), (6.0, False), (-1.0, False), (0.0, True)):
        await copy.move(generation, START, {}, [], age)
        if answers:
            assert (await views.stock(["S"])).keys() == {"S"}
        else:
            with pytest.raises(NotCurrent) as told:
                await views.page(Window(1))
            assert told.value.code == "behind"
        assert (await patient.stock(["S"])).keys() == {"S"}


async def test_parts_that_are_missing_are_noticed(shop: InRedis, generation: str) -> None:
    head = f"{shop.settings.prefix}:stock:{generation}"
    await shop.client.delete(f"{head}:sku:S")
    for question in (shop.stock.stock(["S"]), shop.stock.page(Window(1))):
        with pytest.raises(NotCurrent) as told:
            await question
        assert told.value.code == "torn"
    await shop.client.delete(f"{head}:names")
    with pytest.raises(NotCurrent):
        await shop.stock.page(Window(1))
    await shop.client.delete(f"{head}:log")
    with pytest.raises(NotCurrent):
        await shop.stock.stock(["OTHER"])
    assert await shop.copy.claim() == Standing()


async def test_a_server_that_is_not_there_is_a_fault_that_passes() -> None:
    settings = redis_settings("redis://127.0.0.1:1/0")
    async with connected(settings) as client:
        for call in (RedisStockViews(client, settings).stock(["S"]), RedisStockCopy(client, settings).claim()):
            with pytest.raises(TransientError):
                await call


async def test_readers_and_the_writer_at_once_see_whole_stretches_alone(shop: InRedis) -> None:
    await shop.send(bought("b", "S", 1000))
    seen: list[tuple[int, int]] = []

    async def read() -> None:
        while len(seen) < 300:
            view = (await shop.stock.stock(["S"]))["S"]
            seen.append((view.version, view.available))

    readers = asyncio.gather(*(read() for _ in range(4)))
    for number in range(40):
        await shop.send(placed(f"o{number}", ("S", 1), ("S", 1)))
    await readers
    assert {(version, 1001 - version) for version, _ in seen} == set(seen)
