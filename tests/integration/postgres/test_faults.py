"""Real faults of the server and of the way to it: what each becomes, and that the next batch works after it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import (
    SPANNING,
    allow_longer,
    connect,
    give_back,
    transaction,
)
from python_app_template.adapters.secondary.postgres.stock.flush import FEW_LINES
from python_app_template.core.delivery.faults import CommitInDoubt, FatalError, MessageError, SlowError, TransientError
from python_app_template.core.delivery.messages import Batch
from python_app_template.core.delivery.outcomes import Applied, Attempt, InDoubt, Unmoved
from python_app_template.core.delivery.positions import Verdict, judge
from python_app_template.core.domain.commands import Command
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.stock import Wanted
from python_app_template.embedded import EmbeddedPostgres
from tests.proxy import proxy_to
from tests.shop import Body, Shop, assert_sound, bought, cancelled, kinds, placed, rows
from tests.surroundings import migrate
from tests.worlds import checked_out, engine_on, until_somebody_waits

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("engine")]  # that one empties the database

HEAD = "SELECT * FROM outbox_head FOR UPDATE"
"""Who holds this lets every COMMIT wait that has something to publish."""


@asynccontextmanager
async def shop_at(url: str, **database: object) -> AsyncIterator[Shop]:
    """A worker with stock of S, and an engine with these settings."""
    async with engine_on(url, **database) as engine:
        shop = await Shop(engine).claim()
        await shop.send(bought("b", "S"))
        yield shop


@asynccontextmanager
async def holding(engine: AsyncEngine, statement: str) -> AsyncIterator[AsyncConnection]:
    """Another session that has executed this and commits nothing."""
    async with engine.connect() as other:
        await other.execute(text(statement))
        yield other
        await other.rollback()


def order(shop: Shop) -> Batch[Command]:
    return shop.batch(placed("o", ("S", 1)))


async def fault_of(shop: Shop, attempt: Awaitable[object]) -> tuple[type[Exception], str]:
    """What it raises, and its code or text; it has given its connection back."""
    with pytest.raises((TransientError, MessageError, FatalError)) as fault:
        await attempt
    assert checked_out(shop.engine) == 0
    return fault.type, getattr(fault.value, "code", str(fault.value))


async def works(shop: Shop) -> None:
    """The pool is whole, and the next batch goes through."""
    assert checked_out(shop.engine) == 0
    assert kinds(await shop.send(placed(f"next-{shop.next_offset}", ("S", 1)))) == ["LineAllocated"]
    assert checked_out(shop.engine) == 0
    await assert_sound(shop.engine)


async def end_sessions(engine: AsyncEngine, where: str) -> None:
    """Let the server end those sessions of this database."""
    end = f"""
        SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND {where}
    """  # noqa: S608 - of this file
    async with engine.begin() as connection:
        assert set((await connection.scalars(text(end))).all()) == {True}


# Locks and time-outs


async def test_a_deadlock_is_passing(shared_database: str) -> None:
    async with shop_at(shared_database) as shop, engine_on(shared_database) as other:
        attempt = asyncio.create_task(shop.attempt(order(shop)))
        await attempt
        shop.next_offset += 1
        # The other way round than the ladder of locks: the SKU first, then an order's id.
        async with holding(other, "SELECT * FROM products FOR UPDATE") as session:
            attempt = asyncio.create_task(shop.attempt(shop.batch(placed("o2", ("S", 1)))))
            await until_somebody_waits(other)
            crossing = asyncio.create_task(session.execute(text("INSERT INTO orders (order_id) VALUES ('o2')")))
            assert await fault_of(shop, attempt) == (TransientError, "40P01")  # who waited first is the first to look
            await crossing
        await works(shop)


async def test_a_lock_that_another_keeps_is_passing(shared_database: str) -> None:
    async with shop_at(shared_database, lock_timeout_seconds=0.2) as shop, engine_on(shared_database) as other:
        async with holding(other, "SELECT * FROM products FOR UPDATE"):
            assert await fault_of(shop, shop.attempt(order(shop))) == (TransientError, "55P03")
        await works(shop)


async def test_a_commit_that_waits_too_long_for_its_number_is_surely_undone(shared_database: str) -> None:
    async with shop_at(shared_database, lock_timeout_seconds=0.2) as shop, engine_on(shared_database) as other:
        async with holding(other, HEAD):
            assert await fault_of(shop, shop.attempt(order(shop))) == (TransientError, "55P03")
        assert await rows(other, "SELECT * FROM orders") == []
        await works(shop)


async def test_a_statement_that_takes_too_long_is_slow(shared_database: str) -> None:
    short = {"lock_timeout_seconds": 0.5, "statement_timeout_seconds": 1.0}

    async def sleep(engine: AsyncEngine) -> None:
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT pg_sleep(10)"))

    async with shop_at(shared_database, **short) as shop:
        assert await fault_of(shop, sleep(shop.engine)) == (SlowError, "57014")
        await works(shop)


@pytest.mark.parametrize(
    "limit",
    [
        {"idle_in_transaction_timeout_seconds": 1.0},
        {"transaction_timeout_seconds": 1.5, "statement_timeout_seconds": 1.0, "lock_timeout_seconds": 0.5},
    ],
)
async def test_a_transaction_that_takes_too_long_is_slow(shared_database: str, limit: dict[str, float]) -> None:
    async def dawdle(shop: Shop) -> None:
        async with shop.begin() as uow:
            await uow.advance([shop.span(1)])
            await asyncio.sleep(2)  # as a decision that takes for ever
            await uow.store.load(Wanted(skus={"S": 1}))

    async with shop_at(shared_database, **limit) as shop:
        kind, _ = await fault_of(shop, dawdle(shop))
        assert kind is SlowError
        await works(shop)


async def test_a_transaction_with_much_to_do_may_take_longer_and_the_next_one_may_not(shared_database: str) -> None:
    short = {"transaction_timeout_seconds": 2.0, "statement_timeout_seconds": 1.5, "lock_timeout_seconds": 0.5}
    async with engine_on(shared_database, pool_size=1, **short) as engine, engine.connect() as connection:
        await allow_longer(connection, 60)
        for _ in range(4):
            await connection.execute(text("SELECT pg_sleep(0.6)"))
        limits = [await connection.scalar(text(f"SHOW {name}")) for name in SPANNING]
        assert limits == ["90s", "62s"]
        await connection.rollback()
        limits = [await connection.scalar(text(f"SHOW {name}")) for name in SPANNING]
        assert limits == ["30s", "2s"]


async def test_a_connection_that_broke_while_it_was_given_back_is_no_fault(shared_database: str) -> None:
    async with engine_on(shared_database, pool_size=1) as engine:
        connection = await connect(engine)
        await connection.close()
        await give_back(connection, CommitInDoubt("the connection was lost"))
        assert checked_out(engine) == 0


async def test_what_is_set_on_a_connection_outlives_a_rollback(shared_database: str) -> None:
    async with engine_on(shared_database, pool_size=1) as engine, engine.connect() as connection:
        for _ in range(2):
            settings = [
                await connection.scalar(text(f"SHOW {name}"))
                for name in ("transaction_timeout", "lock_timeout", "synchronous_commit", "idle_session_timeout")
            ]
            assert settings == ["1min", "10s", "on", "0"]
            await connection.rollback()


async def test_no_connection_left_in_the_pool_is_passing(shared_database: str) -> None:
    async with shop_at(shared_database, pool_size=1, connect_timeout_seconds=0.2) as shop:
        async with shop.engine.connect():
            with pytest.raises(TransientError):
                await shop.attempt(order(shop))
        await works(shop)


# Sessions that end


async def test_a_session_that_ends_while_it_decides_is_suspicious(shared_database: str) -> None:
    async def ended_in_between(shop: Shop) -> None:
        async with shop.begin() as uow:
            await uow.advance([shop.span(1)])
            await end_sessions(other, "state = 'idle in transaction'")
            await uow.store.load(Wanted(skus={"S": 1}))

    async with shop_at(shared_database) as shop, engine_on(shared_database) as other:
        kind, _ = await fault_of(shop, ended_in_between(shop))
        assert kind is SlowError
        await works(shop)


async def test_a_session_that_was_dead_before_its_first_statement_is_not(shared_database: str) -> None:
    async with shop_at(shared_database, pool_size=1) as shop, engine_on(shared_database) as other:
        await end_sessions(other, "state = 'idle'")
        kind, _ = await fault_of(shop, shop.attempt(order(shop)))
        assert kind is TransientError
        await works(shop)


async def test_a_session_that_is_ended_while_it_waits_is_suspicious_as_the_driver_hides_why(
    shared_database: str,
) -> None:
    async with shop_at(shared_database) as shop, engine_on(shared_database) as other:
        async with holding(other, "SELECT * FROM products FOR UPDATE"):
            attempt = asyncio.create_task(shop.attempt(order(shop)))
            await until_somebody_waits(other)
            await end_sessions(other, "wait_event_type = 'Lock'")
            assert await fault_of(shop, attempt) == (SlowError, "08003")
        await works(shop)


async def test_a_session_that_is_ended_in_its_commit_is_in_doubt_and_can_be_asked_again(shared_database: str) -> None:
    async with shop_at(shared_database) as shop, engine_on(shared_database) as other:
        batch = order(shop)
        async with holding(other, HEAD):
            attempt = asyncio.create_task(shop.attempt(batch))
            await until_somebody_waits(other)
            await end_sessions(other, "wait_event_type = 'Lock'")
            assert isinstance(await attempt, InDoubt)
        assert checked_out(shop.engine) == 0
        assert kinds(shop.applied(batch, await shop.attempt(batch))) == ["LineAllocated"]
        await works(shop)


async def test_a_connection_that_dies_before_it_is_rolled_back_is_thrown_away(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy, engine_on(proxy.url) as engine:
        connection = await connect(engine)
        await connection.execute(text("SELECT 1"))
        proxy.lose_answer_to(b"ROLLBACK")
        await give_back(connection, TransientError("for another reason", code="TEST"))
        assert checked_out(engine) == 0
        async with transaction(engine) as again:
            assert await again.scalar(text("SELECT 1")) == 1


async def test_a_commit_whose_answer_is_lost_is_found_in_its_row(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy, shop_at(proxy.url) as shop:
        batch = order(shop)
        proxy.lose_answer_to(b"COMMIT")
        assert isinstance(await shop.attempt(batch), InDoubt)
        assert checked_out(shop.engine) == 0
        assert applied_before(batch, await shop.attempt(batch))
        shop.next_offset += 1
        await works(shop)


async def test_a_lost_transaction_that_is_still_committing_is_waited_for(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy, shop_at(proxy.url) as shop, engine_on(shared_database) as other:
        batch = order(shop)
        async with holding(other, HEAD):
            attempt = asyncio.create_task(shop.attempt(batch))
            await until_somebody_waits(other)
            proxy.cut()
            assert isinstance(await attempt, InDoubt)
            again = asyncio.create_task(shop.attempt(batch))
            await until_somebody_waits(other, 2)
        assert applied_before(batch, await again)
        shop.next_offset += 1
        await works(shop)


def applied_before(batch: Batch[Command], attempt: Attempt[Event]) -> bool:
    assert isinstance(attempt, Unmoved)
    [row] = attempt.positions
    return judge(batch.spans[0], row) is Verdict.APPLIED


# The way to the server


async def test_a_server_that_falls_silent_in_a_commit_is_given_up_and_asked_again(shared_database: str) -> None:
    short = {"lock_timeout_seconds": 2.0, "statement_timeout_seconds": 2.5}
    async with proxy_to(shared_database) as proxy, shop_at(proxy.url, **short) as shop:
        batch = order(shop)
        async with engine_on(shared_database) as other, holding(other, HEAD):
            attempt = asyncio.create_task(shop.attempt(batch))
            await until_somebody_waits(other)
            proxy.freeze()
            started = time.monotonic()
            assert isinstance(await attempt, InDoubt)
            assert time.monotonic() - started < 10
        assert checked_out(shop.engine) == 0
        proxy.thaw()
        shop.applied(batch, await until_applied(shop, batch))
        await works(shop)


async def test_a_server_that_falls_silent_before_is_given_up_too(shared_database: str) -> None:
    short = {"lock_timeout_seconds": 0.5, "statement_timeout_seconds": 1.0, "connect_timeout_seconds": 1.0}
    async with proxy_to(shared_database) as proxy, shop_at(proxy.url, **short) as shop, asyncio.timeout(15):
        proxy.freeze()
        kind, _ = await fault_of(shop, shop.attempt(order(shop)))
        assert kind is TransientError
        kind, _ = await fault_of(shop, shop.positions().read(shop.partition))
        assert kind is TransientError
        proxy.thaw()
        batch = order(shop)
        shop.applied(batch, await until_applied(shop, batch))
        await works(shop)


async def until_applied(shop: Shop, batch: Batch[Command]) -> Attempt[Event]:
    """Try until the transaction that was given up is gone."""
    async with asyncio.timeout(10):
        while True:
            try:
                attempt = await shop.attempt(batch)
            except TransientError:
                continue
            if isinstance(attempt, Applied):
                return attempt


async def test_a_broken_way_is_passing_and_so_is_none(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy, shop_at(proxy.url) as shop:
        proxy.cut()
        kind, _ = await fault_of(shop, shop.attempt(order(shop)))
        assert kind is TransientError
        await works(shop)
        nobody = proxy.url
    async with engine_on(nobody) as engine:
        shop = Shop(engine)
        assert await fault_of(shop, shop.attempt(order(shop))) == (TransientError, "ConnectionRefusedError")


async def test_a_server_that_crashes_and_starts_again_is_passing() -> None:
    with EmbeddedPostgres(durable=False) as server:
        url = await asyncio.to_thread(server.create_database, "restarted")
        await asyncio.to_thread(migrate, url)
        async with shop_at(url) as shop:
            async with shop.begin() as uow:
                await uow.advance([shop.span(1)])
                await asyncio.to_thread(server.restart, "immediate")
                kind, _ = await asyncio.gather(fault_inside(uow.store.load(Wanted(skus={"S": 1}))), asyncio.sleep(0))
            assert kind
            kinds_of_faults = {await outcome_of(shop) for _ in range(3)}
            assert kinds_of_faults <= {"applied", TransientError}
            await works(shop)


async def fault_inside(work: Awaitable[object]) -> bool:
    """Whether it fails; the unit of work is left as after a success."""
    try:
        await work
    except Exception:  # noqa: BLE001 - of the driver, whatever it is
        return True
    return False


async def outcome_of(shop: Shop) -> object:
    """Send an order once more."""
    batch = shop.batch(placed(f"o-{shop.next_offset}", ("S", 1)))
    try:
        shop.applied(batch, await shop.attempt(batch))
    except TransientError as fault:
        return type(fault)
    return "applied"


async def test_a_server_that_no_longer_takes_writes_is_passing_and_left(shared_database: str) -> None:
    async with shop_at(shared_database, pool_size=1) as shop:
        async with shop.engine.connect() as connection:  # as after a failover that left us on a standby
            await connection.execute(text("SET default_transaction_read_only = on"))
            await connection.commit()
        assert await fault_of(shop, shop.attempt(order(shop))) == (TransientError, "25006")
        await works(shop)


async def test_who_may_not_connect_or_finds_no_database_needs_a_person(shared_database: str) -> None:
    url = make_url(shared_database)
    wrong = url.set(password="x")  # noqa: S106 - nobody's
    for bad, code in ((wrong, "28P01"), (url.set(database="nowhere"), "3D000")):
        async with engine_on(bad.render_as_string(hide_password=False)) as engine:
            shop = Shop(engine)
            kind, told = await fault_of(shop, shop.attempt(order(shop)))
            assert kind is FatalError
            assert code in told


# What is asked of it


async def test_a_value_that_does_not_fit_is_about_a_message(shared_database: str) -> None:
    async def load(shop: Shop) -> None:
        async with shop.begin() as uow:
            await uow.advance([shop.span(1)])
            await uow.store.load(Wanted(skus={"S": 2**40}))

    async with shop_at(shared_database) as shop:
        kind, _ = await fault_of(shop, load(shop))
        assert kind is MessageError
        await works(shop)


async def test_a_table_that_is_missing_needs_a_person(shared_database: str) -> None:
    async with shop_at(shared_database) as shop, engine_on(shared_database) as other:
        for back_and_forth in ("orders RENAME TO gone", "gone RENAME TO orders"):
            async with other.begin() as connection:
                await connection.execute(text(f"ALTER TABLE {back_and_forth}"))
            if "gone" in back_and_forth.split()[-1]:
                kind, told = await fault_of(shop, shop.attempt(order(shop)))
                assert kind is FatalError
                assert "42P01" in told
        await works(shop)


def many(prefix: str) -> list[Body]:
    """Orders with so many lines together that these are copied, not inserted."""
    return [placed(f"{prefix}{number}", *[("S", 1)] * 100) for number in range(FEW_LINES // 100 + 1)]


@pytest.mark.parametrize(
    ("last", "faults"),
    [([placed("o2", ("S", 1))], 0), (many("n"), 0), ([cancelled("o1")], 1)],
    ids=["insert", "copy", "read"],
)
async def test_a_column_that_changes_under_cached_plans_is_passing(
    shared_database: str, last: list[Body], faults: int
) -> None:
    """A migration may widen a column while workers run: plans, and what the driver knows of types, are out of date."""
    async with shop_at(shared_database, pool_size=1) as shop, engine_on(shared_database) as other:
        await shop.send(placed("o1", ("S", 1)), placed("o0", ("S", 1)))
        await shop.send(cancelled("o0"))
        await shop.send(*many("m"))
        try:
            await alter_line(other, "integer")
            assert await eventually_sent(shop, *last) == faults
            await works(shop)
        finally:
            await alter_line(other, "smallint")


async def alter_line(engine: AsyncEngine, kind: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(f"ALTER TABLE order_lines ALTER COLUMN line TYPE {kind}"))


async def eventually_sent(shop: Shop, *bodies: Body) -> int:
    """Send them as one batch; how many passing faults came before."""
    for faults in range(5):
        try:
            await shop.send(*bodies)
        except TransientError as fault:
            assert type(fault) is TransientError  # noqa: PT017 - not a suspicious one
        else:
            return faults
    raise AssertionError("it never went through")


# Cancelled tasks


@pytest.mark.parametrize("lock", ["SELECT * FROM positions FOR UPDATE", "SELECT * FROM products FOR UPDATE", HEAD])
async def test_a_cancelled_batch_leaks_nothing_wherever_it_waits(shared_database: str, lock: str) -> None:
    async with shop_at(shared_database) as shop, engine_on(shared_database) as other:
        batch = order(shop)
        async with holding(other, lock):
            attempt = asyncio.create_task(shop.attempt(batch))
            await until_somebody_waits(other)
            attempt.cancel()
            with pytest.raises(asyncio.CancelledError):
                await attempt
        assert checked_out(shop.engine) == 0
        if isinstance(await shop.attempt(batch), Applied | Unmoved):  # it may have been committed all the same
            shop.next_offset += 1
        await works(shop)


async def test_a_batch_that_is_cancelled_while_it_connects_leaks_nothing(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy, engine_on(proxy.url) as engine:
        shop = Shop(engine)
        proxy.freeze()
        attempt = asyncio.create_task(shop.attempt(order(shop)))
        await asyncio.sleep(0.05)  # somewhere in the middle
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert checked_out(engine) == 0
