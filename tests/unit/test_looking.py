"""How often the outbox is looked at: seconds pass, and take no time."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from python_app_template.adapters.secondary.postgres.looking import LAZIER, QUIET_SECONDS, Looking
from tests.fakes.clock import FakeTimeLoop

POLL, IDLE = 0.01, 10.0
WITNESS, MORE = [7], [7, 8]


class Outbox:
    """What a look sees, and when somebody looked."""

    def __init__(self) -> None:
        self.committed = asyncio.Event()
        self.rows = WITNESS
        self.looks: list[float] = []
        self._looking = Looking(self.committed, POLL, IDLE)

    async def page(self) -> Sequence[int]:
        return await self._looking.until_more(self._look)

    async def _look(self) -> Sequence[int]:
        self.looks.append(asyncio.get_running_loop().time())
        assert len(self.looks) < 10 * IDLE / POLL, "it looks again and again, and no time passes"
        return self.rows

    async def with_a_row(self) -> None:
        """Have one seen, and taken away."""
        self.rows = MORE
        assert await self.page() == MORE
        self.rows = WITNESS

    def pauses(self, begin: float, end: float) -> set[float]:
        """Seconds from each look in this stretch to the next one."""
        pairs = zip(self.looks, self.looks[1:], strict=False)
        return {round(after - at, 6) for at, after in pairs if begin <= at < end}


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
        yield runner


def test_after_a_quiet_second_rows_of_others_are_looked_for_more_rarely(runner: asyncio.Runner) -> None:
    outbox = Outbox()
    runner.run(outbox.with_a_row())
    assert runner.run(outbox.page()) == WITNESS
    assert outbox.looks[-1] == pytest.approx(IDLE, abs=POLL * LAZIER)
    assert outbox.pauses(0.001, QUIET_SECONDS - POLL) == {POLL}
    assert outbox.pauses(QUIET_SECONDS + POLL, IDLE) == {POLL * LAZIER}


def test_where_no_row_was_ever_seen_it_is_quiet(runner: asyncio.Runner) -> None:
    outbox = Outbox()
    runner.run(outbox.page())
    assert outbox.pauses(0, IDLE) == {POLL * LAZIER}


def test_a_row_of_another_ends_the_quiet(runner: asyncio.Runner) -> None:
    outbox = Outbox()
    runner.get_loop().call_later(3, setattr, outbox, "rows", MORE)
    assert runner.run(outbox.page()) == MORE
    outbox.rows = WITNESS
    runner.run(outbox.page())
    assert outbox.pauses(0, 3 - POLL * LAZIER) == {POLL * LAZIER}
    assert outbox.pauses(3.2, 3.9) == {POLL}
    assert outbox.pauses(4.2, IDLE) == {POLL * LAZIER}


def test_a_commit_of_this_process_is_looked_for_at_once_however_quiet_it_was(runner: asyncio.Runner) -> None:
    outbox = Outbox()
    runner.get_loop().call_later(7.004, outbox.committed.set)
    runner.run(outbox.page())
    assert 7.004 in [round(at, 6) for at in outbox.looks]
    assert not outbox.committed.is_set(), "the next commit is told again"


def test_a_commit_that_the_first_look_sees_is_no_reason_for_a_second(runner: asyncio.Runner) -> None:
    outbox = Outbox()
    outbox.committed.set()
    runner.run(outbox.page())
    assert outbox.pauses(0, IDLE) == {POLL * LAZIER}
