"""Where each part stands, or why it would not go on; by the verdicts of worker and relay."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.positions import Log, Position
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.use_cases.show_positions import Consumed, Published, ShowPositions
from tests.builders import GROUP, P, Q, log, position
from tests.fakes.clock import FakeClock
from tests.fakes.database import Database
from tests.fakes.moves import FakeLogs, FakeMoves
from tests.fakes.publishing import FakeOutboxReader

ELSEWHERE = Partition("former", 0)
GONE = Partition("raw-push", 9)
OUT = Partition("allocations", 0)


class Office:
    """A database, the topics, and what is seen of them."""

    def __init__(self, *rows: Position, logs: Mapping[Partition, Log] | None = None) -> None:
        self.database: Database[object, None] = Database(None, {row.partition: row for row in rows})
        self.logs = FakeLogs({P: log(100, start=10), Q: log(200)} if logs is None else logs)
        self.cursor: Cursor | Halted | None = None

    def show(self) -> ShowPositions:
        outbox = FakeOutboxReader(self.database.outbox, FakeClock())
        moves, written = FakeMoves(self.database), [OUT.topic, "nowhere"]
        return ShowPositions(moves, self.logs, outbox, self.look, group=GROUP, consumed=P.topic, written=written)

    async def look(self) -> Cursor | None:
        if isinstance(self.cursor, Halted):
            raise self.cursor
        return self.cursor

    async def consumed(self) -> list[Consumed]:
        return [*await self.show().consumed()]

    async def published(self) -> Published:
        return await self.show().published()


async def test_each_partition_is_shown_with_its_row_its_log_and_its_lag() -> None:
    office = Office(position(30))
    one, two = await office.consumed()
    assert (one.partition, one.row, one.log, one.state, one.lag) == (P, position(30), log(100, start=10), "", 70)
    assert (two.partition, two.row, two.log, two.state, two.lag) == (Q, None, log(200), "unclaimed", None)


async def test_a_position_beyond_the_end_has_no_lag_below_nothing() -> None:
    (found,) = await Office(position(101), logs={P: log(100)}).consumed()
    assert (found.state, found.lag) == ("offset_out_of_range", 0)


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (position(30, group="another"), "other_group"),
        (replace(position(30), topic_id="old"), "topic_recreated"),
        (position(9), "log_truncated"),
    ],
)
async def test_a_row_is_judged_as_its_worker_would(row: Position, state: str) -> None:
    assert (await Office(row).consumed())[0].state == state


async def test_rows_of_other_topics_and_of_partitions_that_are_not_there_are_shown_too() -> None:
    office = Office(position(5, ELSEWHERE), position(7, GONE), logs={P: log(), ELSEWHERE: log(50)})
    found = [(c.partition, c.log, c.state, c.lag) for c in await office.consumed()]
    assert found == [
        (ELSEWHERE, log(50), "not_consumed", 45),
        (P, log(), "unclaimed", None),
        (GONE, None, "missing", None),
    ]
    assert (await office.consumed())[2].row == position(7, GONE)


async def test_the_way_out_is_shown_with_what_waits_there() -> None:
    office = Office(logs={OUT: log()})
    for _ in range(3):
        office.database.outbox.append([])
    office.database.outbox.started, office.cursor = True, Cursor(1, "id-1")
    found = await office.published()
    assert (found.cursor, found.first, found.last, found.waiting.rows) == (Cursor(1, "id-1"), 0, 3, 2)
    assert found.halted is None


async def test_before_the_first_cursor_all_of_the_outbox_waits() -> None:
    office = Office(logs={OUT: log()})
    office.database.outbox.append([])
    found = await office.published()
    assert (found.cursor, found.first, found.last, found.waiting.rows, found.halted) == (None, 0, 1, 1, None)
    office.database.outbox.rows.clear()
    assert (await office.published()).waiting.rows == 1


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [(None, "cursor_lost"), (Cursor(1, "another"), "database_set_back"), (Cursor(9, "id-9"), "database_set_back")],
)
async def test_what_the_relay_would_halt_at_is_told(cursor: Cursor | None, reason: str) -> None:
    office = Office(logs={OUT: log()})
    office.database.outbox.append([])
    office.database.outbox.started, office.cursor = True, cursor
    found = await office.published()
    assert (found.cursor, found.halted and found.halted.reason) == (cursor, reason)


async def test_a_cursor_that_can_not_be_read_is_told() -> None:
    office = Office(logs={OUT: log()})
    office.cursor = Halted("relay", "cursor_held", expected="it", found="another", remedy="")
    found = await office.published()
    assert (found.cursor, found.halted) == (None, office.cursor)


async def test_a_topic_that_was_made_anew_is_told_and_one_never_written_to_is_not() -> None:
    office = Office(logs={OUT: log()})
    assert (await office.published()).halted is None
    office.database.outbox.topics = {OUT.topic: "old"}
    found = (await office.published()).halted
    assert found is not None
    assert (found.reason, "allocations with id old" in str(found)) == ("topic_recreated", True)
