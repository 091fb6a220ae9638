"""An operator's moves: looked at twice, all or none."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.moving import CannotMove, Move
from python_app_template.core.delivery.positions import Position
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.ports.publishing import Publisher
from python_app_template.core.use_cases.accept_topic import AcceptTopic
from python_app_template.core.use_cases.move_cursor import MoveCursor
from python_app_template.core.use_cases.move_position import WATCH_SECONDS, MovePosition, Place, Target
from tests.builders import GROUP, P, Q, log, position
from tests.fakes.clock import FakeClock
from tests.fakes.database import Database
from tests.fakes.moves import FakeLogs, FakeMoves
from tests.fakes.publishing import FakeBroker, FakeTerm

AT = datetime(2026, 11, 20, tzinfo=UTC)
LOGS = FakeLogs({P: log(100, start=10), Q: log(200, start=20)}, {AT: 44})


class Desk:
    """A database with positions, and whoever works on it while the operator looks on."""

    def __init__(self, *rows: Position) -> None:
        self.database: Database[object, None] = Database(None, {row.partition: row for row in rows})
        self.moves = FakeMoves(self.database)
        self.at_work: dict[Partition, Position] = {}
        self.move = MovePosition(self.moves, LOGS, Busy(self), GROUP)

    @property
    def offsets(self) -> dict[Partition, int]:
        return {p: row.next_offset for p, row in self.database.rows.items()}


class Busy(FakeClock):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    async def sleep(self, seconds: float) -> None:
        self._desk.database.rows |= self._desk.at_work
        await super().sleep(seconds)


@pytest.mark.parametrize(("place", "offset"), [(50, 50), ("earliest", 10), ("latest", 100), (AT, 44)])
async def test_a_position_goes_to_any_place_in_the_log(place: Place, offset: int) -> None:
    desk = Desk(position(30), position(30, Q))
    (move,) = await desk.move(P.topic, [P.number], Target(place), "because")
    assert (move.partition, move.next_offset) == (P, offset)
    assert desk.offsets == {P: offset, Q: 30}
    assert desk.database.rows[P].epoch == 2
    assert desk.database.moves == [(P.topic, P.number, "because")]


async def test_all_partitions_move_each_to_its_own_end_also_those_never_claimed() -> None:
    desk = Desk(position(30))
    await desk.move(P.topic, None, Target("latest"), "because")
    assert desk.offsets == {P: 100, Q: 200}


async def test_what_is_there_already_is_not_touched() -> None:
    desk = Desk(position(10), position(30, Q))
    (move,) = await desk.move(P.topic, None, Target("earliest"), "because")
    assert move.partition == Q
    assert desk.database.rows[P].epoch == 1
    assert await desk.move(P.topic, None, Target("earliest"), "because") == ()


@pytest.mark.parametrize("now", [position(31), position(30, epoch=2)])
async def test_one_that_is_being_consumed_is_moved_only_by_force(now: Position) -> None:
    desk = Desk(position(30), position(30, Q))
    desk.at_work = {P: now}
    with pytest.raises(CannotMove, match=r"partition 0: is being consumed; .*--force"):
        await desk.move(P.topic, None, Target("earliest"), "because")
    assert desk.offsets == {P: now.next_offset, Q: 30}
    await desk.move(P.topic, None, Target("earliest"), "because", force=True)
    assert desk.offsets == {P: 10, Q: 20}


async def test_one_refusal_leaves_all_where_they_are() -> None:
    desk = Desk(position(30), position(30, Q))
    with pytest.raises(CannotMove, match="offset 150 is outside"):
        await desk.move(P.topic, None, Target(150), "because")
    assert desk.offsets == {P: 30, Q: 30}


async def test_topics_and_partitions_that_are_not_there_are_named() -> None:
    desk = Desk(position(30))
    with pytest.raises(CannotMove, match="no topic nowhere"):
        await desk.move("nowhere", None, Target(0), "because")
    with pytest.raises(CannotMove, match="no partition 7; allowed: 0 to 1"):
        await desk.move(P.topic, [0, 7], Target("earliest"), "because")
    assert desk.offsets == {P: 30}


# The topics written to, and the cursor


async def test_a_topic_made_anew_is_accepted() -> None:
    desk = Desk()
    desk.database.outbox.topics = {P.topic: "old"}
    accepted = await AcceptTopic(desk.moves, LOGS)(P.topic, "made anew")
    assert (accepted.before, accepted.after) == ("old", log().topic_id)
    assert await desk.moves.topics() == {P.topic: log().topic_id}
    with pytest.raises(CannotMove, match="no topic nowhere; create it"):
        await AcceptTopic(desk.moves, LOGS)("nowhere", "made anew")


async def test_the_cursor_is_published_with_its_witness_and_written_down_once() -> None:
    desk, broker = Desk(), FakeBroker()
    for _ in range(3):
        desk.database.outbox.append([])
    move = MoveCursor(broker.lead, broker.open_publisher, desk.moves, "positions")
    done = await move(2, "lost")
    assert (done.before, done.after) == (None, desk.database.outbox.rows[2].cursor)
    assert broker.cursor == done.after
    assert broker.leader is None
    assert (await move(2, "lost")).before == done.after
    assert broker.transactions == 1
    assert desk.database.moves == [("positions", None, "lost")]


async def test_a_relay_at_work_is_left_alone_unless_by_force() -> None:
    desk, broker = Desk(), FakeBroker()
    broker.leader = FakeTerm(broker)
    move = MoveCursor(broker.lead, broker.open_publisher, desk.moves, "positions")
    with pytest.raises(CannotMove, match="a relay is at work"):
        await move(0, "lost")
    assert (broker.fence, broker.cursor, desk.database.moves) == (0, None, [])
    await move(0, "lost", force=True)
    assert (broker.fence, broker.cursor) == (1, desk.database.outbox.origin)


async def test_a_move_takes_group_and_topic_with_it() -> None:
    desk = Desk(replace(position(30, group="another"), topic_id="old"))
    await desk.move(P.topic, [0], Target(50, group="third", accept_topic=True), "because")
    row = desk.database.rows[P]
    assert (row.group, row.topic_id, row.next_offset) == ("third", log().topic_id, 50)


async def test_by_force_a_row_is_moved_from_wherever_it_is_by_then() -> None:
    desk = Desk(position(30))
    forced: list[bool] = []
    make = desk.moves.make

    async def noted(moves: Sequence[Move], reason: str, *, force: bool = False) -> Sequence[Move]:
        forced.append(force)
        return await make(moves, reason, force=force)

    desk.moves.make = noted  # type: ignore[method-assign]
    await desk.move(P.topic, [0], Target(50), "because")
    await desk.move(P.topic, [0], Target(60), "because", force=True)
    assert forced == [False, True]


async def test_nothing_is_watched_where_nothing_moves_nor_under_force() -> None:
    desk, clock = Desk(position(30)), FakeClock()
    move = MovePosition(desk.moves, LOGS, clock, GROUP)
    await move(P.topic, [0], Target(30), "because")
    await move(P.topic, [0], Target(40), "because", force=True)
    assert clock.time == 0
    await move(P.topic, [0], Target(50), "because")
    assert clock.time == WATCH_SECONDS


async def test_all_partitions_that_are_being_consumed_are_named() -> None:
    desk = Desk(position(30), position(30, Q))
    desk.at_work = {P: position(31), Q: position(31, Q)}
    with pytest.raises(CannotMove, match=r"^raw-push, partition 0, 1: is being consumed"):
        await desk.move(P.topic, None, Target("earliest"), "because")


async def test_an_accepted_topic_is_named_and_its_reason_kept() -> None:
    desk = Desk()
    desk.database.outbox.topics = {P.topic: "old"}
    assert (await AcceptTopic(desk.moves, LOGS)(P.topic, "made anew")).topic == P.topic
    assert [reason for *_, reason in desk.database.moves] == ["made anew"]


@pytest.mark.parametrize("reason", ["cursor_unreadable", "cursor_held"])
async def test_a_cursor_that_nobody_can_read_is_replaced_and_one_that_is_held_is_not(reason: str) -> None:
    desk, broker = Desk(), FakeBroker()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Publisher]:
        async with broker.open_publisher() as publisher:
            publisher.cursor = unreadable  # type: ignore[method-assign]
            yield publisher

    async def unreadable() -> Cursor | None:
        raise Halted("relay", reason, expected="a cursor", found="none", remedy="")

    move = MoveCursor(broker.lead, opened, desk.moves, "positions")
    if reason == "cursor_unreadable":
        assert (await move(0, "lost")).before is None
        assert broker.cursor == desk.database.outbox.origin
    else:
        with pytest.raises(Halted):
            await move(0, "lost")
        assert broker.cursor is None


async def test_a_relay_at_work_is_a_reason_in_one_line() -> None:
    desk, broker = Desk(), FakeBroker()
    broker.leader = FakeTerm(broker)
    with pytest.raises(CannotMove) as refused:
        await MoveCursor(broker.lead, broker.open_publisher, desk.moves, "positions")(0, "lost")
    assert str(refused.value) == "a relay is at work, and has its cursor; stop the relays, or add --force"
