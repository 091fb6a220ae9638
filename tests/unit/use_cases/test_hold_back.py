"""Nothing is taken in while too much waits to be published."""

import pytest

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.use_cases.backoff import Backoff
from python_app_template.core.use_cases.hold_back import COUNT_EVERY, HoldBack, Pending
from tests.fakes.clock import FakeClock

LIMIT = Pending(10, 1000)


class Way:
    """The way out: what waits there at each count, the last for ever; and what was told."""

    def __init__(self, *counts: Pending | TransientError) -> None:
        self.clock, self.counts, self.counted = FakeClock(), list(counts), 0
        self.told: list[str | None] = []
        self.hold_back = HoldBack(self.count, LIMIT, self.clock, self.told.append)

    async def count(self) -> Pending:
        self.counted += 1
        found = self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]
        if isinstance(found, TransientError):
            raise found
        return found


async def test_while_there_is_room_it_returns_at_once() -> None:
    way = Way(LIMIT)
    await way.hold_back()
    assert (way.clock.monotonic(), way.told) == (0.0, [None])


@pytest.mark.parametrize("full", [Pending(11, 0), Pending(0, 1001)])
async def test_rows_and_bytes_hold_back_until_there_is_room_again(full: Pending) -> None:
    way = Way(full, full, Pending(10, 1000))
    await way.hold_back()
    assert way.counted == 3
    assert [why is not None for why in way.told] == [True, True, False]
    assert f"{full.rows} rows" in str(way.told[0])


async def test_it_counts_no_more_often_than_is_needed() -> None:
    way = Way(Pending(0, 0))
    for _ in range(5):
        await way.hold_back()
    assert way.counted == 1
    await way.clock.sleep(1)
    await way.hold_back()
    assert way.counted == 2


async def test_a_count_that_fails_holds_nobody_back() -> None:
    way = Way(TransientError("away"))
    await way.hold_back()
    assert way.told == [None]


async def test_drained_it_lets_go_though_the_way_is_blocked() -> None:
    way = Way(Pending(11, 0))
    way.hold_back.drain()
    await way.hold_back()
    assert way.clock.monotonic() == 0.0


async def test_backoff_doubles_up_to_the_longest_and_never_waits_less_than_half() -> None:
    clock = FakeClock()
    backoff = Backoff(clock, first=0.1, longest=5.0)
    for tries, full in [(1, 0.1), (2, 0.2), (6, 3.2), (7, 5.0), (10_000, 5.0)]:
        before = clock.monotonic()
        await backoff(tries)
        assert full / 2 <= clock.monotonic() - before <= full + 1e-9


async def test_backoff_spreads_over_the_whole_second_half() -> None:
    clock = FakeClock()
    backoff, waits = Backoff(clock, first=1.0, longest=1.0), []
    for _ in range(500):
        before = clock.monotonic()
        await backoff(1)
        waits.append(clock.monotonic() - before)
    assert 0.5 - 1e-9 <= min(waits) < 0.55
    assert 0.95 < max(waits) <= 1.0 + 1e-9


async def test_it_counts_again_as_soon_as_the_time_is_over() -> None:
    way = Way(Pending(0, 0))
    await way.hold_back()
    way.clock.time = COUNT_EVERY
    await way.hold_back()
    assert way.counted == 2
