"""Rows are published once and in order, or nothing is published and the relay says why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.messages import Frame
from python_app_template.core.delivery.relaying import Cursor, OutboxRow
from python_app_template.core.use_cases.relay_outbox import LOOK_AGAIN, RECOGNISE_EVERY, TRIM_EVERY, RelayOutbox
from tests.fakes.clock import FakeClock
from tests.fakes.database import OutboxTable
from tests.fakes.faults import Fault
from tests.fakes.publishing import FakeBroker, FakeOutboxReader


def frame(number: int) -> Frame:
    return Frame("allocations", b"key", b"%d" % number, ())


def table(rows: int) -> OutboxTable:
    found = OutboxTable()
    for n in range(1, rows + 1):
        found.append([frame(n)])
    return found


@dataclass
class World:
    """A relay that is drained when it is idle, or has halted `patience` times."""

    table: OutboxTable
    broker: FakeBroker = field(default_factory=FakeBroker)
    clock: FakeClock = field(default_factory=FakeClock)
    patience: int = 1
    reports: list[Halted | None] = field(default_factory=list)
    led: list[bool] = field(default_factory=list)
    """Whether it led, at each report."""

    def __post_init__(self) -> None:
        self.outbox = FakeOutboxReader(self.table, self.clock)
        self.relay = RelayOutbox(
            self.broker.lead, self.broker.open_publisher, self.outbox, self.clock.pause, self.clock, self.report
        )
        self.outbox.idle = self.relay.drain

    def report(self, part: str, why: Halted | None) -> None:
        assert part == "relay"
        self.led.append(self.relay.leads)
        self.reports.append(why)
        if len([w for w in self.reports if w is not None]) >= self.patience:
            self.relay.drain()

    def published(self) -> list[int]:
        return [int(f.value or b"-1") for f in self.broker.frames]

    def halted(self) -> Halted:
        """What the relay halted for, last."""
        why = self.reports[-1]
        assert why is not None
        return why


async def test_rows_are_published_in_order_and_trimmed_to_the_witness() -> None:
    world = World(table(8))
    await world.relay()
    assert world.published() == list(range(1, 9))
    assert world.broker.cursor == Cursor(8, "id-8")
    assert [row.number for row in world.table.rows] == [8]
    assert set(world.reports) == {None}


async def test_the_first_cursor_is_written_before_any_frame_and_then_noted() -> None:
    world = World(table(0))
    await world.relay()
    assert (world.broker.cursor, world.broker.transactions, world.table.started) == (Cursor(0, "id-0"), 1, True)


async def test_a_first_cursor_that_was_not_noted_is_noted_and_not_written_again() -> None:
    world = World(table(2))
    world.broker.cursor = Cursor(0, "id-0")
    await world.relay()
    assert (world.published(), world.broker.transactions, world.table.started) == ([1, 2], 1, True)


async def test_what_is_committed_by_the_time_of_draining_is_published_still() -> None:
    world = World(table(2))

    def commit_and_drain() -> None:
        if world.table.rows[-1].number == 2:
            world.table.append([frame(3)])
        world.relay.drain()

    world.outbox.idle = commit_and_drain
    await world.relay()
    assert world.published() == [1, 2, 3]


async def test_it_ends_though_others_commit_without_end() -> None:
    world = World(table(2))

    def drain_and_commit(_part: str, _why: Halted | None) -> None:
        world.relay.drain()
        world.table.append([frame(world.table.rows[-1].number + 1)])
        assert len(world.table.rows) < 50, "goes on and on"

    world.report = drain_and_commit  # type: ignore[assignment, method-assign]  # what a colleague does after each page
    World.__post_init__(world)
    await world.relay()
    assert world.published()[:2] == [1, 2]


async def test_drained_before_it_runs_it_asks_for_nothing() -> None:
    world = World(table(2))
    world.relay.drain()
    await world.relay()
    assert (world.published(), world.broker.cursor) == ([], None)


async def test_while_another_has_the_term_it_waits_and_asks_again() -> None:
    world = World(table(2))
    world.broker.leader = "another"
    asked = 0

    def queue() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            world.broker.leader = None

    world.broker.queueing = queue
    await world.relay()
    assert (world.published(), asked) == ([1, 2], 3)


async def test_a_lost_term_opens_no_publisher() -> None:
    world = World(table(5))
    world.broker.lost_terms = {1, 2, 3}
    await world.relay()
    assert (world.published(), world.broker.fence) == ([1, 2, 3, 4, 5], 1)


async def test_who_lost_the_term_in_its_sleep_queues_instead_of_judging_what_another_left() -> None:
    """It finds the row of its cursor trimmed: a halt would need a person, for nothing."""
    world = World(table(2))

    def be_overtaken() -> None:
        world.outbox.idle = lambda: None
        world.broker.leader = "another"
        world.table.append([frame(3)])
        world.broker.cursor = Cursor(3, "id-3")
        del world.table.rows[:-1]

    def come_to_the_turn() -> None:
        world.broker.leader = None
        world.outbox.idle = world.relay.drain

    world.outbox.idle, world.broker.queueing = be_overtaken, come_to_the_turn
    await world.relay()
    assert set(world.reports) == {None}
    assert (world.broker.entered, world.broker.fence, world.published()) == (2, 2, [1, 2])


async def test_after_an_error_the_publisher_is_opened_anew_once_the_term_is_proven() -> None:
    world = World(table(5))
    world.broker.faults.script = {6: Fault.LOST}
    await world.relay()
    assert (world.published(), world.broker.fence, world.broker.asked) == ([1, 2, 3, 4, 5], 2, 3)


async def test_while_publishing_fails_it_waits_longer_each_time() -> None:
    world = World(table(1))
    world.broker.faults.script = dict.fromkeys(range(5, 26, 4), Fault.TRANSIENT)  # open, topics, cursor, publish
    waits: list[int] = []

    async def pause(tries: int) -> None:
        waits.append(tries)

    world.table.started = True
    world.broker.cursor = Cursor(0, "id-0")
    world.relay = RelayOutbox(
        world.broker.lead, world.broker.open_publisher, world.outbox, pause, world.clock, world.report
    )
    world.outbox.idle = world.relay.drain
    await world.relay()
    assert waits == list(range(1, len(waits) + 1))
    assert (len(waits), world.published()) == (6, [1])


FAULTS = st.dictionaries(
    st.integers(1, 40), st.sampled_from([Fault.TRANSIENT, Fault.REFUSED, Fault.LOST, Fault.SLOW]), max_size=12
)


@given(FAULTS, FAULTS, st.sets(st.integers(1, 10), max_size=5), st.integers(0, 12))
async def test_whatever_fails_each_row_is_published_once_and_in_order(
    broker: dict[int, Fault], outbox: dict[int, Fault], lost_terms: set[int], rows: int
) -> None:
    world = World(table(rows))
    world.broker.faults.script, world.outbox.faults.script = broker, outbox
    world.broker.lost_terms = lost_terms
    for _ in range(60):  # a loss of the term while draining ends it early: another process goes on
        await world.relay()
        if world.broker.cursor == Cursor(rows, f"id-{rows}"):
            break
        world.__post_init__()
        world.outbox.faults.script = {}
    assert world.published() == list(range(1, rows + 1))
    assert set(world.reports) <= {None}


async def test_an_older_publisher_is_fenced_and_publishes_nothing_any_more() -> None:
    world = World(table(6))
    fenced = 0

    def usurp() -> None:
        nonlocal fenced
        if not fenced:
            fenced = 1
            world.broker.fence += 1  # another relay opens its publisher
            world.table.append([frame(7)])
            return
        world.relay.drain()

    world.outbox.idle = usurp
    await world.relay()
    assert world.published() == [1, 2, 3, 4, 5, 6, 7]


def cursor_lost(world: World) -> None:
    world.table.started = True


def set_back(world: World) -> None:
    world.table.started = True
    world.broker.cursor = Cursor(12, "id-12")


def another_past(world: World) -> None:
    world.table.started = True
    world.broker.cursor = Cursor(3, "id-of-a-lost-row")


def a_gap(world: World) -> None:
    del world.table.rows[2]


def made_anew(world: World) -> None:
    world.table.topics = {"allocations": "an older id"}


BREAKS = {
    "cursor_lost": cursor_lost,
    "database_set_back": set_back,
    "database_set_back ": another_past,
    "outbox_gap": a_gap,
    "topic_recreated": made_anew,
}


@pytest.mark.parametrize("reason", BREAKS)
async def test_where_the_past_does_not_fit_it_halts_and_publishes_nothing(reason: str) -> None:
    world = World(table(5))
    BREAKS[reason](world)
    await world.relay()
    assert world.halted().reason == reason.strip()
    assert (world.published(), len(world.table.rows) >= 5) == ([], True)
    assert world.clock.time < LOOK_AGAIN, "it is asked to stop, and stops at once"
    assert world.broker.leader is None, "another may take over"


async def test_a_database_set_back_while_it_runs_halts_it() -> None:
    world = World(table(4))

    def set_back_and_go_on() -> None:
        world.table.rows = [OutboxRow(2, "id-2", ()), OutboxRow(3, "other-3", [frame(33)])]
        world.outbox.table = world.table

    world.outbox.idle = set_back_and_go_on
    await world.relay()
    assert (world.halted().reason, world.published()) == ("database_set_back", [1, 2, 3, 4])


async def test_a_topic_made_anew_while_it_runs_halts_it_within_a_second() -> None:
    world = World(table(4))

    def make_anew() -> None:
        world.broker.ids["allocations"] = "new"

    world.outbox.idle = make_anew
    await world.relay()
    assert (world.halted().reason, world.published()) == ("topic_recreated", [1, 2, 3, 4])
    assert world.clock.time < 1.1 + LOOK_AGAIN


async def test_topics_that_are_still_the_same_are_no_reason_to_stop() -> None:
    world, idled = World(table(1)), 0

    def commit_and_drain() -> None:
        nonlocal idled
        idled += 1
        if idled == 250:
            world.table.append([frame(2)])
            world.relay.drain()

    world.outbox.idle = commit_and_drain
    await world.relay()
    assert world.published() == [1, 2]
    assert world.clock.time > 1.0


async def test_it_leads_only_while_it_has_the_term() -> None:
    world = World(table(4), patience=2)
    world.outbox.idle = world.table.rows.clear
    assert world.relay.leads is False
    await world.relay()
    assert world.halted().reason == "database_set_back"
    assert world.led == [why is None for why in world.reports]


async def test_a_halted_relay_goes_on_once_things_are_set_right() -> None:
    world = World(table(3), patience=100)
    cursor_lost(world)

    def report(_part: str, why: Halted | None) -> None:
        world.reports.append(why)
        if why is not None:
            world.broker.cursor = Cursor(1, "id-1")  # what `positions set --published` writes

    world.relay = RelayOutbox(
        world.broker.lead, world.broker.open_publisher, world.outbox, world.clock.pause, world.clock, report
    )
    world.outbox.idle = world.relay.drain
    await world.relay()
    assert world.published() == [2, 3]
    assert world.reports[-1] is None


async def test_who_waits_for_the_term_ends_at_once_when_asked_to() -> None:
    world, asked = World(table(2)), 0
    world.broker.leader = object()

    def queue() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            world.relay.drain()

    world.broker.queueing = queue
    await world.relay()
    assert (world.published(), asked, world.clock.time) == ([], 3, 0)
    assert set(world.reports) == set()


async def test_who_waits_for_the_term_waits_in_one_session() -> None:
    world, entered = World(table(2)), 0
    world.broker.leader = object()

    def queue() -> None:
        nonlocal entered
        entered += 1
        if entered == 50:
            world.broker.leader = None

    world.broker.queueing = queue
    await world.relay()
    assert (world.published(), world.broker.entered) == ([1, 2], 1)


async def test_a_frame_that_the_broker_refuses_halts_it_and_it_stays_halted() -> None:
    world = World(table(3), patience=3)
    world.broker.refused = lambda f: f.value == b"2"
    await world.relay()
    assert world.published() == []
    assert [why.reason for why in world.reports if why] == 3 * ["frame_refused"]
    assert 2 * LOOK_AGAIN <= world.clock.time < 2 * LOOK_AGAIN + 1
    assert None not in world.reports, "it did not go on in between"


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, [9]), (TRIM_EVERY, [3, 6, 9])])
async def test_while_there_is_more_to_publish_rows_are_trimmed_now_and_then(
    seconds: float, expected: list[int]
) -> None:
    """Trimming holds up what is to be published: it is not done after every page, and not put off for ever."""
    world = World(table(9))
    trims: list[int] = []
    page, trim = world.outbox.page, world.outbox.trim

    async def slow(number: int) -> Sequence[OutboxRow]:
        await world.clock.sleep(seconds)
        return await page(number)

    async def noted(below: int) -> None:
        trims.append(below)
        await trim(below)

    world.outbox.page, world.outbox.trim = slow, noted  # type: ignore[method-assign]
    await world.relay()
    assert (trims, world.published()) == (expected, list(range(1, 10)))


async def test_what_others_published_and_did_not_trim_is_trimmed_once() -> None:
    world = World(table(3))
    world.broker.cursor, world.table.started = Cursor(2, "id-2"), True
    trims: list[int] = []
    trim, looks = world.outbox.trim, 0

    async def noted(below: int) -> None:
        trims.append(below)
        await trim(below)

    def idle() -> None:
        nonlocal looks
        looks += 1
        if looks == 5:
            world.relay.drain()

    world.table.rows[3:] = []
    world.table.last = 2
    world.outbox.trim, world.outbox.idle = noted, idle  # type: ignore[method-assign]
    await world.relay()
    assert (trims, world.published(), [row.number for row in world.table.rows]) == ([2], [], [2])


async def test_topics_are_looked_at_once_a_second_and_no_more() -> None:
    world = World(table(1))
    looks: list[float] = []
    topics = world.outbox.topics

    async def noted(found: Mapping[str, str]) -> Mapping[str, str]:
        looks.append(world.clock.monotonic())
        return await topics(found)

    def idle() -> None:
        if world.clock.monotonic() > 3.5 * RECOGNISE_EVERY:
            world.relay.drain()

    world.outbox.topics, world.outbox.idle = noted, idle  # type: ignore[method-assign]
    await world.relay()
    assert looks == [pytest.approx(n * RECOGNISE_EVERY, abs=0.1) for n in range(4)]


async def test_without_a_way_to_the_term_it_does_not_lead() -> None:
    world = World(table(1))
    led: list[bool] = []

    async def pause(_tries: int) -> None:
        led.append(world.relay.leads)
        world.relay.drain()

    def lost() -> None:
        world.broker.faults.script = {world.broker.faults.calls + n: Fault.TRANSIENT for n in range(1, 9)}
        world.broker.lost_terms = set(range(1, 99))

    world.relay = RelayOutbox(
        world.broker.lead, world.broker.open_publisher, world.outbox, pause, world.clock, world.report
    )
    world.relay.leads = True
    lost()
    await world.relay()
    assert led == [False]


async def test_after_a_page_the_waits_begin_anew() -> None:
    world, tries = World(table(1)), []

    async def pause(number: int) -> None:
        tries.append(number)

    world.broker.faults.script = {1: Fault.TRANSIENT, 2: Fault.TRANSIENT}
    world.relay = RelayOutbox(
        world.broker.lead, world.broker.open_publisher, world.outbox, pause, world.clock, world.report
    )

    def fail_once_more() -> None:
        if tries == [1, 2]:
            world.outbox.faults.script = {world.outbox.faults.calls + 2: Fault.TRANSIENT}
        else:
            world.relay.drain()

    world.outbox.idle = fail_once_more
    await world.relay()
    assert (tries, world.published()) == ([1, 2, 1], [1])
