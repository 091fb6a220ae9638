"""Each action does what the real fault does, chances can be drawn again, and what is off is not there."""

import asyncio
import gc
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import Any

import pytest

from python_app_template import app
from python_app_template.core.delivery.faults import CommitInDoubt, SlowError, TransientError
from python_app_template.core.use_cases.relay_outbox import RelayOutbox
from python_app_template.monitoring import failing
from python_app_template.monitoring.failpoints import Failpoints
from python_app_template.roles.relay import relay
from python_app_template.roles.worker import worker
from python_app_template.service import SERVICE
from python_app_template.settings import load
from python_app_template.settings.failpoints import CODE, PLACES, parse
from python_app_template.world import connect
from tests.builders import P, batch, position
from tests.fakes.clock import FakeClock
from tests.fakes.database import Database, OutboxTable
from tests.fakes.publishing import FakeBroker, FakeOutboxReader
from tests.fakes.source import FakeSource
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.unit.use_cases.worker import Journal, Place, journal, journal_log

CRASHING = """
import asyncio, sys
from python_app_template.monitoring.failpoints import Failpoints
from python_app_template.monitoring.logging import configure
from python_app_template.settings.failpoints import parse
configure("INFO", "json")
points = Failpoints(parse("worker.begun=1*off->crash"), 0)
async def reach():
    try:
        await points.reach("worker.begun")
        print("alive", end="")
        await points.reach("worker.begun")
    finally:
        print("cleaned up")
asyncio.run(reach())
"""


def failpoints(text: str, seed: int = 0) -> Failpoints:
    return Failpoints(parse(text), seed)


async def reached(points: Failpoints, name: str, times: int) -> list[int]:
    """The numbers of the reaches at which it failed."""
    failed = []
    for number in range(1, times + 1):
        try:
            await points.reach(name)
        except TransientError:
            failed.append(number)
    return failed


async def drawn(points: Failpoints) -> dict[str, list[int]]:
    return {name: await reached(points, name, 200) for name in ("worker.begun", "worker.loaded")}


async def fault_at(text: str, name: str) -> TransientError:
    with pytest.raises(TransientError) as caught:
        await failpoints(text).reach(name)
    return caught.value


async def test_terms_are_used_up_one_after_the_other() -> None:
    points = failpoints("worker.begun=2*off->1*error->1*off->2*error")
    assert await reached(points, "worker.begun", 10) == [3, 5, 6]


async def test_a_chance_that_does_not_come_leaves_it_to_the_next_term() -> None:
    assert await reached(failpoints("worker.begun=0%slow->error"), "worker.begun", 3) == [1, 2, 3]


async def test_the_same_seed_draws_the_same_at_each_point_and_another_does_not() -> None:
    text = "worker.begun=30%error;worker.loaded=30%error"
    first, again, other = [await drawn(failpoints(text, seed)) for seed in (7, 7, 8)]
    assert first == again
    assert first != other
    assert first["worker.begun"] != first["worker.loaded"]
    assert 30 < len(first["worker.begun"]) < 90


async def test_what_is_not_set_does_nothing() -> None:
    assert await reached(failpoints("worker.begun=error"), "worker.loaded", 3) == []


async def test_an_error_has_the_code_that_is_asked_for() -> None:
    fault = await fault_at("worker.begun=error(53100)", "worker.begun")
    assert (type(fault), fault.code) == (TransientError, "53100")
    assert (await fault_at("worker.begun=error", "worker.begun")).code == CODE


async def test_slow_is_suspicious() -> None:
    assert isinstance(await fault_at("worker.loaded=slow", "worker.loaded"), SlowError)


async def test_after_the_commit_nothing_but_its_answer_can_be_lost() -> None:
    for text in ("worker.committed=doubt", "worker.committed=error(08006)", "worker.before_commit=doubt"):
        assert isinstance(await fault_at(text, text.partition("=")[0]), CommitInDoubt)
    assert type(await fault_at("worker.before_commit=error", "worker.before_commit")) is TransientError


async def test_others_go_on_during_a_delay() -> None:
    reach = asyncio.ensure_future(failpoints("worker.begun=delay(0.05)").reach("worker.begun"))
    await asyncio.sleep(0)
    assert not reach.done()
    await reach


def test_on_a_thread_a_delay_holds_it_up() -> None:
    since = time.monotonic()
    failpoints("relay.begun=delay(0.05)").in_thread()("relay.begun")
    assert time.monotonic() - since >= 0.05


def test_on_a_thread_an_error_is_raised_alike() -> None:
    with pytest.raises(TransientError, match=r"failpoint relay\.committed"):
        failpoints("relay.committed=error").in_thread()("relay.committed")


def test_a_crash_is_logged_and_cleans_nothing_up() -> None:
    done = subprocess.run([sys.executable, "-c", CRASHING], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.startswith("alive{")
    assert '"event": "failpoint.hit"' in done.stdout
    assert '"point": "worker.begun"' in done.stdout
    assert "cleaned up" not in done.stdout


# --- The wrappers


def uow(text: str, database: Database[Place, Journal]) -> Any:
    def begin() -> FakeUnitOfWork[Place, frozenset[Place], Journal]:
        return FakeUnitOfWork(database)

    return failing.failing_begin(begin, failpoints(text))()


async def commit(text: str, database: Database[Place, Journal]) -> None:
    async with uow(text, database) as unit:
        await unit.advance(batch(0).spans)
        await unit.store.load(frozenset())
        await unit.commit()


UOW_POINTS = ["worker.begun", "worker.advanced", "worker.loaded", "worker.before_commit", "worker.committed"]


@pytest.mark.parametrize("point", UOW_POINTS)
async def test_a_transaction_fails_at_each_of_its_points_and_is_ended(point: str) -> None:
    database: Database[Place, Journal] = Database([])
    database.rows[P] = position(0)
    with pytest.raises(TransientError, match=point):
        await commit(f"{point}=error", database)
    assert not any(lock.locked() for lock in database.locks.values())
    assert database.rows[P].next_offset == (1 if point == "worker.committed" else 0)


class Counted(FakeUnitOfWork[Place, frozenset[Place], Journal]):
    """Counts how often it is left."""

    left = 0

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left += 1
        await super().__aexit__(kind, error, trace)


async def test_a_transaction_that_fails_at_its_beginning_is_left_once() -> None:
    counted = Counted(Database([]))
    with pytest.raises(TransientError):
        async with failing.failing_begin(lambda: counted, failpoints("worker.begun=error"))():
            pytest.fail("it was begun all the same")
    assert counted.left == 1


WORKER_ERRORS = [name for name, place in PLACES.items() if name.startswith("worker.") and "error" in place.takes]


async def test_the_worker_survives_an_error_at_every_point_that_takes_one() -> None:
    """And a third of all reaches fails."""
    database: Database[Place, Journal] = Database([])
    source = FakeSource({P: journal_log(P, *range(40))}, FakeClock())
    source.assign(P)
    worker = journal(database, source)
    worker.failpoints = failpoints(";".join(f"{name}=33%error" for name in WORKER_ERRORS))
    await worker.run()
    assert [offset for _, offset in database.state] == list(range(40))
    assert len(worker.seen.consumed) == 40


RELAY_WRAPPED = [
    "relay.led",
    "relay.fenced",
    "relay.recognised",
    "relay.cursor_read",
    "relay.before_started",
    "relay.page_read",
    "relay.before_trim",
    "relay.trimmed",
]
"""What is reached outside the publisher."""


async def relayed(text: str) -> tuple[list[int], OutboxTable]:
    from tests.unit.use_cases.test_relay_outbox import table  # noqa: PLC0415 - its builder

    rows, broker, clock = table(8), FakeBroker(), FakeClock()
    outbox = FakeOutboxReader(rows, clock)
    points = failpoints(text)
    relay = RelayOutbox(
        failing.failing_lead(broker.lead, points),
        failing.failing_open(broker.open_publisher, points),
        failing.failing_outbox(outbox, points),
        clock.pause,
        clock,
        lambda _part, _why: None,
    )
    outbox.idle = relay.drain
    await relay()
    return [int(f.value or b"") for f in broker.frames], rows


@pytest.mark.parametrize("point", RELAY_WRAPPED)
async def test_the_relay_survives_errors_at_each_point(point: str) -> None:
    frames, rows = await relayed(f"{point}=2*error")
    assert frames == list(range(1, 9))
    assert rows.started


# --- Off


def within(root: object) -> Iterator[object]:
    """Everything that is reached from an object, but for modules and classes."""
    seen, todo = {id(root)}, [root]
    while todo:
        yield (one := todo.pop())
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, ModuleType | type):
                seen.add(id(other))
                # A function's globals are its module's names, not what it holds.
                todo += [] if isinstance(other, dict) and "__name__" in other else [other]


async def wrappers(text: str) -> set[str]:
    """The classes and functions of the module of wrappers that the object graph of a service holds."""
    settings = load({"failpoints.points": text, "database.url": "postgresql+asyncpg://nobody@127.0.0.1:1/none"})
    async with connect(settings, app.monitor(SERVICE, settings)) as world:
        graph = [worker(SERVICE, world, 2**20), relay(world, "id")]
        found = {getattr(one, "__qualname__", None) or type(one).__qualname__ for one in within(graph) if _failing(one)}
        del graph
    return found


def _failing(one: object) -> bool:
    return failing.__name__ in {getattr(one, "__module__", None), type(one).__module__}


async def test_with_none_set_the_graph_has_no_wrapper() -> None:
    assert await wrappers("") == set()


async def test_with_one_set_it_has_them_all() -> None:
    found = await wrappers("worker.begun=crash")
    assert {"FailingSource", "FailingPositions", "FailingOutboxReader"} <= found
    assert {"failing_lead.<locals>.entered", "failing_open.<locals>.opened"} <= found
