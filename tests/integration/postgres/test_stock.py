"""Stock in Postgres: the ladder of locks under load and step by step, what is loaded, what the schema refuses."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.core.delivery.faults import MessageError, TransientError
from python_app_template.core.delivery.messages import Batch, Refused
from python_app_template.core.delivery.outcomes import Attempt
from python_app_template.core.domain.commands import Command
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.order import LineStatus
from python_app_template.core.domain.stock import NO_LINE, Stock, Wanted
from python_app_template.service import SERVICE
from tests.shop import Body, Shop, assert_sound, bought, cancelled, changed, events, kinds, placed, reasons, rows
from tests.worlds import engine_on, until_somebody_waits

pytestmark = pytest.mark.servers


def want(contents: Sequence[Command | Refused]) -> Wanted:
    return SERVICE.want([content for content in contents if not isinstance(content, Refused)])


def decide(content: Command | Refused, stock: Stock) -> None:
    assert not isinstance(content, Refused)
    SERVICE.decide(content, stock)


async def shops(engine: AsyncEngine, count: int) -> list[Shop]:
    return [await Shop(engine, number).claim() for number in range(count)]


async def load(shop: Shop, wanted: Wanted) -> Stock:
    """Load in a transaction that is rolled back."""
    async with shop.begin() as uow:
        await uow.advance([shop.span(0)])
        return await uow.store.load(wanted)


# The ladder under load


async def test_while_skus_become_known_no_line_is_rejected_wrongly_and_no_version_is_missing(
    engine: AsyncEngine,
) -> None:
    async def trade(shop: Shop, dice: random.Random) -> None:
        for turn in range(40):
            skus = [f"S{turn // 2}-{dice.randrange(3)}" for _ in range(3)]
            orders = [placed(f"o{shop.number}-{turn}-{i}", *((sku, 1) for sku in skus)) for i in range(2)]
            batches = [bought(f"b{shop.number}-{turn}", dice.choice(skus), 5)] if dice.random() < 0.4 else []
            await shop.send(*dice.sample([*orders, *batches], k=len(orders) + len(batches)))

    async with asyncio.timeout(30):
        await asyncio.gather(*(trade(shop, random.Random(shop.number)) for shop in await shops(engine, 8)))
    found = {event["type"] for event in await events(engine)}
    assert found >= {"line.rejected", "line.allocated", "line.out_of_stock"}
    await assert_sound(engine)


async def test_everything_at_once_on_few_ids_neither_deadlocks_nor_goes_wrong(engine: AsyncEngine) -> None:
    def any_message(dice: random.Random) -> Body:
        ref, order = f"b{dice.randrange(12)}", f"o{dice.randrange(60)}"
        lines = [(f"S{dice.randrange(4)}", dice.randint(1, 4)) for _ in range(dice.randint(1, 3))]
        created = bought(ref, f"S{dice.randrange(4)}", dice.randrange(30))
        # Now and then equal, now and then of other content: both shall meet their first.
        kinds = [placed(order, *lines), placed(order, *lines), cancelled(order), created]
        return dice.choice([*kinds, changed(ref, dice.randrange(30))])

    async def trade(shop: Shop, dice: random.Random) -> None:
        for _ in range(30):
            await shop.send(*(any_message(dice) for _ in range(dice.randint(1, 6))))

    async with asyncio.timeout(30):
        await asyncio.gather(*(trade(shop, random.Random(shop.number)) for shop in await shops(engine, 8)))
    await assert_sound(engine)


async def test_of_equal_orders_on_two_partitions_one_is_placed(engine: AsyncEngine) -> None:
    workers = await shops(engine, 4)
    await workers[0].send(bought("b", "S"))
    orders = [placed(f"o{n:03}", ("S", 1)) for n in range(400)]
    shuffled = [random.Random(n).sample(orders, 400) for n in range(4)]
    outcomes = await asyncio.gather(*(shop.send(*sent) for shop, sent in zip(workers, shuffled, strict=True)))
    assert sum(len(outcome.facts) for outcome in outcomes) == 400
    assert sum(len(outcome.duplicates) for outcome in outcomes) == 1200
    await assert_sound(engine)


async def test_of_different_orders_with_one_id_the_first_applied_stands(engine: AsyncEngine) -> None:
    workers = await shops(engine, 4)
    await workers[0].send(bought("b", "S"))
    outcomes = await asyncio.gather(*(shop.send(placed("o", ("S", 1 + n))) for n, shop in enumerate(workers)))
    assert sorted(reasons(outcome) for outcome in outcomes) == [[], ["conflict"], ["conflict"], ["conflict"]]


# The ladder step by step


async def held(shop: Shop, stack: AsyncExitStack, wanted: Wanted) -> Stock:
    """Load in a transaction that stays open until the stack is left."""
    uow = await stack.enter_async_context(shop.begin())
    await uow.advance([shop.span(0)])
    return await uow.store.load(wanted)


async def test_a_sku_that_becomes_known_while_another_is_waited_for_is_seen(engine: AsyncEngine) -> None:
    first, second = await shops(engine, 2)
    await first.send(bought("old", "Y"))
    late = second.batch(placed("o2", ("X", 1), ("Y", 1)))
    attempt = await overtaken(first, second, late_comers=[bought("new", "X"), placed("o1", ("Y", 1))], late=late)
    assert kinds(second.applied(late, attempt)) == ["LineAllocated", "LineAllocated"]
    await assert_sound(engine)


@pytest.mark.parametrize(
    ("middle", "message"),
    [
        ("INSERT INTO orders (order_id) VALUES ('m')", lambda _shop, name: placed(name, ("S", 1))),
        (
            "INSERT INTO batches (batch_ref, sku, created_qty, purchased) VALUES ('m', 'S', 1, 1)",
            lambda _shop, name: bought(name, "S"),
        ),
        (
            "INSERT INTO products (sku, version) VALUES ('m', 1)",
            lambda shop, name: placed(f"{shop.number}-{name}", (name, 1)),
        ),
    ],
    ids=["orders", "batches", "SKUs"],
)
async def test_ids_are_claimed_in_one_order_whatever_the_order_of_the_messages(
    engine: AsyncEngine, middle: str, message: Callable[[Shop, str], Body]
) -> None:
    first, second = await shops(engine, 2)
    async with engine.connect() as other:
        await other.execute(text(middle))
        upwards = asyncio.create_task(first.send(*(message(first, name) for name in "amz")))
        await until_somebody_waits(engine)
        downwards = asyncio.create_task(second.send(*(message(second, name) for name in "zma")))
        await until_somebody_waits(engine, 2)
        await other.rollback()
    await asyncio.gather(upwards, downwards)
    await assert_sound(engine)


async def test_a_sku_that_stays_unknown_leaves_nothing_behind(engine: AsyncEngine) -> None:
    [shop] = await shops(engine, 1)
    assert kinds(await shop.send(placed("o", ("NEVER", 1)))) == ["LineRejected"]
    assert await rows(engine, "SELECT * FROM products") == []


async def test_a_batch_that_comes_while_its_change_waits_for_a_lock_is_raced_and_then_changed(
    engine: AsyncEngine,
) -> None:
    first, second = await shops(engine, 2)
    await first.send(bought("old", "Y"))
    late = second.batch(changed("new", 5), placed("o2", ("Y", 1)))
    with pytest.raises(TransientError) as raced:
        await overtaken(first, second, late_comers=[bought("new", "X", 9), placed("o1", ("Y", 1))], late=late)
    assert raced.value.code == "raced"
    outcome = second.applied(late, await second.attempt(late))
    assert kinds(outcome) == ["BatchQuantityChanged", "LineAllocated"]
    await assert_sound(engine)


async def test_an_order_that_comes_while_its_cancellation_waits_for_a_lock_is_raced_and_then_cancelled(
    engine: AsyncEngine,
) -> None:
    first, second = await shops(engine, 2)
    await first.send(bought("b", "Y"))
    late = second.batch(cancelled("o1"), placed("o2", ("Y", 1)))
    with pytest.raises(TransientError) as raced:
        await overtaken(first, second, late_comers=[placed("o1", ("Y", 1))], late=late)
    assert raced.value.code == "raced"
    outcome = second.applied(late, await second.attempt(late))
    assert kinds(outcome) == ["LineDeallocated", "LineAllocated"]
    await assert_sound(engine)


async def overtaken(first: Shop, second: Shop, *, late_comers: list[Body], late: Batch[Command]) -> Attempt[Event]:
    """Let `first` commit what `second` asks about while `second` waits for the SKU Y; what became of `second`."""
    batch = first.batch(*late_comers)
    async with AsyncExitStack() as stack:
        await held(await Shop(first.engine, 9).claim(), stack, Wanted(skus={"Y": 1}))
        waiting_first = asyncio.create_task(first.attempt(batch))
        await until_somebody_waits(first.engine)
        waiting_second = asyncio.create_task(second.attempt(late))
        await until_somebody_waits(first.engine, 2)
    first.applied(batch, await waiting_first)
    return await waiting_second


async def test_the_first_and_the_last_instant_are_known_again(engine: AsyncEngine) -> None:
    [shop] = await shops(engine, 1)
    ends = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-07-20T20:17:40.000001Z"]
    orders = [placed(at, ("S", 1), placed_at=at) for at in ends]
    await shop.send(*orders)
    outcome = await shop.send(*orders)
    assert (len(outcome.duplicates), reasons(outcome)) == (3, [])
    [[least, greatest]] = await rows(engine, "SELECT min(placed_at)::text, max(placed_at)::text FROM orders")
    assert (least, greatest) == ("0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00")


# What is loaded


async def test_batches_that_are_used_up_are_not_loaded(engine: AsyncEngine) -> None:
    [shop] = await shops(engine, 1)
    await shop.send(*(bought(f"b{n:02}", "S", 2) for n in range(30)))
    await shop.send(*(placed(f"o{n:02}", ("S", 2)) for n in range(28)), placed("half", ("S", 1)))
    assert (await load(shop, Wanted(skus={"S": 1}))).batches.keys() == {"b28", "b29"}
    assert (await load(shop, Wanted(skus={"S": 2}))).batches.keys() == {"b29"}
    assert (await load(shop, Wanted(skus={"S": NO_LINE}))).batches.keys() == set()


async def test_of_a_batch_that_shrinks_no_more_lines_are_loaded_than_can_come_off(engine: AsyncEngine) -> None:
    [shop] = await shops(engine, 1)
    await shop.send(bought("b", "S", 100))
    await shop.send(*(placed(f"o{n:02}", ("S", 2), ("S", 3)) for n in range(20)))

    async def latest(rest: int) -> list[tuple[str, int]]:
        stock = await load(shop, Wanted(changed={"b": rest}))
        return [(line.order_id, line.line) for line in stock.batches["b"].latest]

    assert await latest(100) == []
    assert await latest(99) == [("o19", 1)]
    assert await latest(97) == [("o19", 1)]
    assert await latest(96) == [("o19", 0), ("o19", 1)]
    assert await latest(94) == [("o18", 1), ("o19", 0), ("o19", 1)]
    assert len(await latest(0)) == 40


async def test_a_cancelled_orders_batches_are_loaded_and_a_repeated_ones_are_not(engine: AsyncEngine) -> None:
    [shop] = await shops(engine, 1)
    again = placed("again", ("T", 2))
    await shop.send(bought("s", "S", 2), bought("t", "T", 2), placed("gone", ("S", 2)), again)
    assert (await load(shop, Wanted(cancelled=frozenset({"gone"})))).batches.keys() == {"s"}
    [message] = shop.batch(again).messages
    repeated = await load(shop, want([message.content]))
    assert repeated.orders.keys() == {"again"}
    assert not repeated.batches


async def test_the_number_of_statements_does_not_depend_on_the_number_of_messages(shared_database: str) -> None:
    async with engine_on(shared_database, pool_size=1) as engine:
        shop = await Shop(engine, 9).claim()
        counted = count_statements(engine)

        async def statements(messages: int, mark: str) -> Mapping[str, int]:
            """Count those of a batch of every kind of message, and of another that meets what the first made."""
            n, found = range(messages), {}
            skus = [f"{mark}-{i}" for i in n]
            first = [
                *(bought(f"b{sku}", sku, 100) for sku in skus),
                *(placed(f"o{sku}", (sku, 1), ("NEVER", 1)) for sku in skus),
            ]
            second = [
                *(changed(f"b{sku}", 50) for sku in skus),
                *(cancelled(f"o{sku}") for sku in skus),
                *(placed(f"p{sku}", (sku, 60)) for sku in skus),
                *(placed(f"o{sku}", (sku, 1), ("NEVER", 1)) for sku in skus),
            ]
            for name, bodies in {"new": first, "known": second}.items():
                counted.clear()
                await shop.send(*bodies)
                found[name] = len(counted)
            return found

        few, many = await statements(1, "few"), await statements(1250, "many")
        assert few == many
        assert max(many.values()) <= 20


def count_statements(engine: AsyncEngine) -> list[str]:
    counted: list[str] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(*arguments: object) -> None:
        counted.append(str(arguments[2]))

    return counted


# What the schema refuses


async def test_no_more_can_be_allocated_than_was_purchased(engine: AsyncEngine) -> None:
    [shop] = await shops(engine, 1)
    await shop.send(bought("b", "S", 5))

    async def over_allocate() -> None:
        async with shop.begin() as uow:
            await uow.advance([shop.span(1)])
            stock = await uow.store.load(Wanted(skus={"S": 1}))
            stock.batches["b"].allocated = 6
            await uow.commit()

    with pytest.raises(MessageError, match="ck_batches_not_over_allocated"):
        await over_allocate()


@pytest.mark.parametrize(("status", "ref"), [(LineStatus.ALLOCATED, None), (LineStatus.OUT_OF_STOCK, "b")])
async def test_a_line_is_in_a_batch_exactly_while_it_is_allocated(
    engine: AsyncEngine, status: LineStatus, ref: str | None
) -> None:
    [shop] = await shops(engine, 1)
    await shop.send(bought("b", "S", 5))
    batch = shop.batch(placed("o", ("S", 1)))

    async def misplace() -> None:
        async with shop.begin() as uow:
            await uow.advance(batch.spans)
            stock = await uow.store.load(want([message.content for message in batch.messages]))
            for message in batch.messages:
                decide(message.content, stock)
            [line] = stock.orders["o"].lines
            line.status, line.batch_ref = status, ref
            await uow.commit()

    with pytest.raises(MessageError, match="ck_order_lines_allocated_to_one_batch"):
        await misplace()
    assert kinds(await shop.send(placed("o", ("S", 1)))) == ["LineAllocated"]
