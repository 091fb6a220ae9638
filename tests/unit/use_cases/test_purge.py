"""What is done with is forgotten piece by piece, and the run is written down."""

from datetime import UTC, datetime

import pytest

from python_app_template.core.ports.forgetting import FIRST, Forgetting, Piece
from python_app_template.core.use_cases.purge import CannotPurge, Purge
from tests.fakes.clock import FakeClock

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class Registry(Forgetting):
    """Three pieces of orders and lines; `done` is what was asked of it."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    async def begin(self, before: datetime) -> int:
        self.done.append(("begin", before))
        return 7

    async def forget(self, run: int | None, before: datetime, after: str) -> Piece:
        self.done.append(("forget", run, before, after))
        return Piece({"orders": 2, "lines": 5}, 3, {FIRST: "a", "a": "b"}.get(after))

    async def finish(self, run: int) -> None:
        self.done.append(("finish", run))


def purging(registry: Registry) -> Purge:
    return Purge(registry, FakeClock(NOW.timestamp()))


async def test_a_run_goes_through_all_pieces_in_their_order() -> None:
    registry, looked_at = Registry(), list[int]()
    total = await purging(registry)(NOW, looked_at=looked_at.append)
    assert (total, looked_at) == ({"orders": 6, "lines": 15}, [3, 3, 3])
    pieces = [("forget", 7, NOW, after) for after in (FIRST, "a", "b")]
    assert registry.done == [("begin", NOW), *pieces, ("finish", 7)]


async def test_a_rehearsal_only_counts() -> None:
    registry = Registry()
    assert await purging(registry)(NOW, dry_run=True) == {"orders": 6, "lines": 15}
    assert registry.done == [("forget", None, NOW, after) for after in (FIRST, "a", "b")]


async def test_what_is_still_to_come_is_not_forgotten() -> None:
    registry, later = Registry(), datetime(2026, 11, 21, tzinfo=UTC)
    with pytest.raises(CannotPurge) as refused:
        await purging(registry)(later)
    assert str(refused.value) == (
        "--before 2026-11-21T00:00:00+00:00 is still to come; what is in use now can't be forgotten"
    )
    assert registry.done == []
