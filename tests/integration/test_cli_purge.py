"""`purge` on a real database: what is done with goes, what may still matter stays, and workers see it whole."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.adapters.secondary.postgres.forgetting import PostgresForgetting
from python_app_template.adapters.secondary.postgres.stock import forget
from python_app_template.core.ports.forgetting import FIRST
from python_app_template.core.use_cases.purge import Purge
from python_app_template.service import SERVICE
from tests.command_line import CommandLine, Done
from tests.shop import Shop, assert_sound, bought, cancelled, changed, kinds, placed, reasons, rows
from tests.worlds import until_somebody_waits

pytestmark = pytest.mark.servers

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BEFORE = datetime(2020, 6, 1, tzinfo=UTC)


@pytest.fixture
def command(database_url: str, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine([f"--set=database.url={database_url}"], capsys)


@pytest.fixture
async def shop(engine: AsyncEngine) -> Shop:
    """One that knows a chair, of which there are ten."""
    shop = await Shop(engine).claim()
    await shop.send(bought("b", "CHAIR", 10))
    return shop


async def execute(engine: AsyncEngine, statement: str, **values: object) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement), values)


async def age(engine: AsyncEngine, *ids: str) -> None:
    """Make orders old."""
    await execute(engine, "UPDATE orders SET changed_at = :at WHERE order_id = ANY(:ids)", at=LONG_AGO, ids=list(ids))


async def known(engine: AsyncEngine) -> Sequence[str]:
    return [row.order_id for row in await rows(engine, "SELECT order_id FROM orders ORDER BY order_id")]


async def run(command: CommandLine, *arguments: str) -> Done:
    return await asyncio.to_thread(command, "purge", *arguments)


def forgotten(done: Done) -> tuple[int, int]:
    assert done.code == 0, done.err
    return done.rows[0]["orders"], done.rows[0]["lines"]


async def test_orders_that_hold_no_units_go_with_their_lines_and_the_others_stay(
    shop: Shop, engine: AsyncEngine, command: CommandLine
) -> None:
    await shop.send(
        placed("cancelled", ("CHAIR", 2), ("CHAIR", 1)),
        placed("short", ("CHAIR", 50)),
        placed("strange", ("NEVER", 1), ("NEVER", 1)),
        placed("holds", ("CHAIR", 3), ("CHAIR", 50)),
        placed("young", ("CHAIR", 50)),
        cancelled("cancelled"),
    )
    await age(engine, "cancelled", "short", "strange", "holds")
    stock = await rows(engine, "SELECT * FROM batches"), await rows(engine, "SELECT * FROM products")
    assert forgotten(await run(command, "--before", "2020-06-01", "--dry-run")) == (3, 5)
    assert await rows(engine, "SELECT * FROM purges") == []
    assert forgotten(await run(command, "--before", "2020-06-01")) == (3, 5)
    assert await known(engine) == ["holds", "young"]
    left = await rows(engine, "SELECT order_id, line FROM order_lines ORDER BY 1, 2")
    assert [tuple(row) for row in left] == [("holds", 0), ("holds", 1), ("young", 0)]
    assert stock == (await rows(engine, "SELECT * FROM batches"), await rows(engine, "SELECT * FROM products"))
    assert forgotten(await run(command, "--before", "2020-06-01")) == (0, 0)
    await assert_sound(engine)


async def test_each_run_is_written_down(shop: Shop, engine: AsyncEngine, command: CommandLine) -> None:
    await shop.send(placed("short", ("CHAIR", 50)))
    await age(engine, "short")
    await run(command, "--before", "2020-06-01T02:00:00+02:00")
    (row,) = await rows(engine, "SELECT *, purged_by = session_user AS by_us FROM purges")
    assert (row.before, row.by_us, row.finished_at is not None) == (BEFORE, True, True)
    assert row.forgotten == {"orders": 1, "lines": 1, "oversized": 0}


async def test_an_order_that_was_cancelled_late_stays_for_as_long_as_a_new_one(
    shop: Shop, engine: AsyncEngine, command: CommandLine
) -> None:
    await shop.send(placed("late", ("CHAIR", 2)))
    await age(engine, "late")
    await shop.send(cancelled("late"))
    assert forgotten(await run(command, "--before", "2020-06-01")) == (0, 0)
    assert await known(engine) == ["late"]


async def test_what_is_forgotten_is_new_again(shop: Shop, engine: AsyncEngine, command: CommandLine) -> None:
    await shop.send(placed("o", ("CHAIR", 50)))
    await age(engine, "o")
    await run(command, "--before", "2020-06-01")
    assert reasons(await shop.send(cancelled("o"))) == ["unknown_order"]
    assert kinds(await shop.send(placed("o", ("CHAIR", 3)))) == ["LineAllocated"]
    await assert_sound(engine)


async def test_many_orders_go_in_pieces_and_an_interruption_loses_nothing(shop: Shop, engine: AsyncEngine) -> None:
    await shop.send(*[placed(f"o{n}", ("NEVER", 1)) for n in range(9)])
    await execute(engine, "UPDATE orders SET changed_at = :at WHERE order_id <> 'o5'", at=LONG_AGO)
    forgetting = PostgresForgetting(engine, partial(forget.forget_orders, look_at=3))
    first = await forgetting.forget(await forgetting.begin(BEFORE), BEFORE, FIRST)
    assert (first.forgotten["orders"], first.looked_at, first.after) == (3, 3, "o2")
    looked_at: list[int] = []
    found = await Purge(forgetting, SystemClock())(BEFORE, looked_at=looked_at.append)
    assert (found, looked_at) == ({"orders": 5, "lines": 5, "oversized": 0}, [3, 3, 0])
    assert await known(engine) == ["o5"]
    counted = await rows(engine, "SELECT forgotten ->> 'orders' AS orders, finished_at FROM purges ORDER BY id")
    assert [(row.orders, row.finished_at is None) for row in counted] == [("3", True), ("5", False)]


async def test_bytes_of_oversized_dead_letters_go_by_the_age_of_the_letter(
    engine: AsyncEngine, command: CommandLine
) -> None:
    insert = "INSERT INTO oversized VALUES ('raw-push', 0, :offset, 'x', :at)"
    await execute(engine, insert, offset=1, at=BEFORE - timedelta(seconds=1))
    await execute(engine, insert, offset=2, at=BEFORE)
    done = await run(command, "--before", "2020-06-01", "--dry-run")
    assert json.loads(done.out)["oversized"] == 1
    assert json.loads((await run(command, "--before", "2020-06-01")).out)["oversized"] == 1
    assert [row.offset for row in await rows(engine, 'SELECT "offset" FROM oversized')] == [2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--before", "2999-01-01"), "is still to come"),
        (("--before", "yesterday"), "neither a date nor an instant"),
        ((), "--before"),
    ],
)
def test_bad_dates_are_one_line_and_exit_2(command: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    done = command("purge", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


# Beside workers


@pytest.mark.parametrize(
    ("message", "becomes"),
    [(placed("o", ("CHAIR", 3)), (["LineAllocated"], [])), (cancelled("o"), ([], ["unknown_order"]))],
    ids=["placed", "cancelled"],
)
async def test_a_worker_that_names_an_id_waits_and_sees_it_gone(
    shop: Shop, engine: AsyncEngine, message: dict[str, object], becomes: tuple[list[str], list[str]]
) -> None:
    await shop.send(placed("o", ("CHAIR", 50)))
    await age(engine, "o")
    async with engine.connect() as purging:
        await forget.forget_orders(purging, BEFORE, FIRST, dry_run=False)
        deciding = asyncio.create_task(shop.send(message))
        await until_somebody_waits(engine)
        assert not deciding.done()
        await purging.commit()
    outcome = await deciding
    assert (kinds(outcome), reasons(outcome)) == becomes
    await assert_sound(engine)


@pytest.mark.parametrize("message", [placed("o", ("CHAIR", 50)), cancelled("o")], ids=["placed", "cancelled"])
async def test_an_order_forgotten_in_the_middle_of_a_decision_is_decided_again(
    shop: Shop, engine: AsyncEngine, message: dict[str, object]
) -> None:
    """The worker has found the id known, and waits for its SKU; then the order goes."""
    await shop.send(placed("o", ("CHAIR", 50)))
    await age(engine, "o")
    async with engine.connect() as other:
        await other.execute(text("SELECT FROM products FOR UPDATE"))
        deciding = asyncio.create_task(shop.send(message))
        await until_somebody_waits(engine)
        assert (await PostgresForgetting(engine, SERVICE.forget).forget(None, BEFORE, FIRST)).forgotten["orders"] == 1
        await PostgresForgetting(engine, SERVICE.forget).forget(1, BEFORE, FIRST)
        await other.rollback()
    outcome = await deciding
    assert (kinds(outcome), reasons(outcome)) in ((["LineOutOfStock"], []), ([], ["unknown_order"]))
    orphans = (
        "SELECT l.order_id FROM order_lines l WHERE NOT EXISTS (SELECT FROM orders o WHERE o.order_id = l.order_id)"
    )
    assert await rows(engine, orphans) == []
    await assert_sound(engine)


async def test_what_somebody_works_on_is_passed_over(shop: Shop, engine: AsyncEngine) -> None:
    await shop.send(placed("a", ("CHAIR", 50)), placed("b", ("CHAIR", 50)))
    await age(engine, "a", "b")
    async with engine.connect() as cancelling:
        await cancelling.execute(text("UPDATE orders SET cancelled = true, changed_at = now() WHERE order_id = 'a'"))
        piece = await PostgresForgetting(engine, SERVICE.forget).forget(1, BEFORE, FIRST)
        assert piece.forgotten["orders"] == 1
        await cancelling.commit()
    assert await known(engine) == ["a"]


async def test_workers_and_purges_without_end_leave_the_books_sound(engine: AsyncEngine) -> None:
    """Orders come, are cancelled and come again under the same few ids while purges run as fast as they can."""
    shops = [await Shop(engine, number).claim() for number in range(3)]
    await shops[0].send(bought("b", "CHAIR", 1000), bought("c", "LAMP", 3))
    forgetting, working = PostgresForgetting(engine, SERVICE.forget), True
    total = 0

    async def work(shop: Shop) -> None:
        for n in range(20):
            ids = [f"o{(n * 7 + shop.number * 3 + i) % 12:02}" for i in range(6)]
            await shop.send(
                *[placed(o, ("CHAIR", 1), ("LAMP", 2), ("NEVER", 1)) for o in ids],
                *map(cancelled, ids[::2]),
                changed("c", n % 5),
            )

    async def purge() -> None:
        nonlocal total
        now = (await rows(engine, "SELECT now() AS now"))[0].now
        while working:
            # Of a minute from now, so that all go; `purge` itself refuses what is to come.
            piece = await forgetting.forget(await forgetting.begin(now), now + timedelta(minutes=1), FIRST)
            total += piece.forgotten["orders"]

    purging = asyncio.create_task(purge())
    await asyncio.gather(*map(work, shops))
    working = False
    await purging
    assert total > 0
    orphans = (
        "SELECT l.order_id FROM order_lines l WHERE NOT EXISTS (SELECT FROM orders o WHERE o.order_id = l.order_id)"
    )
    empty = "SELECT o.order_id FROM orders o WHERE NOT EXISTS (SELECT FROM order_lines l WHERE o.order_id = l.order_id)"
    assert (await rows(engine, orphans), await rows(engine, empty)) == ([], [])
    await assert_sound(engine)
