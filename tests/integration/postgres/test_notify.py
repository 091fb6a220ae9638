"""One process at a time notifies: whatever is away, what it has goes out, and what it does not have yet waits."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.adapters.secondary.mail.digest_letter import composer
from python_app_template.adapters.secondary.mail.smtp import SmtpNotifications
from python_app_template.adapters.secondary.postgres import term
from python_app_template.adapters.secondary.postgres.notifications.digests import PostgresDigests
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.following import Bounds, Place
from python_app_template.core.domain.shortages import Shortage
from python_app_template.core.ports.digests import Standing
from python_app_template.core.ports.following import Followed, Stretch
from python_app_template.core.use_cases.collect_shortages import Astray, CollectShortages
from python_app_template.core.use_cases.deliver_digests import DeliverDigests
from python_app_template.core.use_cases.notify import Notify
from python_app_template.monitoring.digest_failing import failing_digests, failing_notifications
from python_app_template.monitoring.failpoints import Failpoints
from python_app_template.roles.notifier import LOCK, NAME
from python_app_template.settings import load
from python_app_template.settings.failpoints import PLACES, Term, parse
from tests.mail_server import MailServer, mail_server

pytestmark = pytest.mark.servers

AT = datetime(2026, 11, 20, 20, tzinfo=UTC)


@dataclass
class Events(Followed[Shortage]):
    """One partition in memory: a line for each offset. `away`: nobody answers."""

    end: int = 0
    start_offset: int = 0
    topic_id: str = "id"
    away: bool = False
    at: int = 0
    reads: int = 0

    async def look(self) -> Bounds:
        self._answer()
        return Bounds(self.topic_id, {0: self.start_offset}, {0: self.end})

    async def start(self, place: Place) -> None:
        self.at = place.offsets[0]

    async def read(self) -> Stretch[Shortage]:
        await asyncio.sleep(0.01)
        self._answer()
        self.reads += 1
        found, self.at = range(self.at, self.end), self.end
        shortages = [Shortage("LAMP", f"order-{offset}", 0, 1, AT) for offset in found]
        return Stretch(shortages, {0: self.end} if shortages else {})

    def _answer(self) -> None:
        if self.away:
            raise TransientError("nobody answers", code="TRANSPORT")


class Reached(Failpoints):
    """Notes which were reached."""

    def __init__(self, points: Mapping[str, Sequence[Term]]) -> None:
        super().__init__(points, 0)
        self.reached: list[str] = []

    async def reach(self, name: str) -> None:
        self.reached.append(name)
        await super().reach(name)


@dataclass
class Office:
    """Notifiers on one database."""

    url: str
    digests: PostgresDigests
    server: MailServer
    astray: list[Astray] = field(default_factory=list)

    points: Failpoints = field(default_factory=lambda: Failpoints({}, 0))

    def notifier(self, events: Events) -> Notify:
        addresses = {"mail.from": "stock@shop.example", "mail.to": "ann@shop.example"}
        settings = load({"database.url": self.url, "mail.url": f"smtp://{self.server.address}"} | addresses)
        clock, mail = SystemClock(), settings.mail

        async def pause(_tries: int) -> None:
            await asyncio.sleep(0.01)

        compose = composer(mail, "allocations", "service", "test", clock.now)
        digests = failing_digests(self.digests, self.points)
        way = failing_notifications(SmtpNotifications(mail), self.points)
        deliver = DeliverDigests(digests, way, compose, clock, lambda _tries: 0.01, 0.05, 0.02)
        collect = CollectShortages(events, digests, clock, self.astray.append)
        return Notify(term.lead(settings.database, lock=LOCK, name=NAME), collect, deliver, pause)

    @asynccontextmanager
    async def at_work(self, *events: Events) -> AsyncIterator[None]:
        """Let a notifier for each of these do its work meanwhile."""
        notifiers = [self.notifier(one) for one in events]
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            for notifier in notifiers:
                tasks.create_task(_begun(notifier))
            yield
            for notifier in notifiers:
                notifier.drain()

    async def until_told(self, lines: int) -> None:
        while self.told() < lines:  # noqa: ASYNC110 - the server is on a thread of its own
            await asyncio.sleep(0.01)

    def told(self) -> int:
        subjects = {mail.message_id: str(mail.mail["Subject"]) for mail in self.server.mails}
        return sum(int(subject.split()[3]) for subject in subjects.values())


async def _begun(notifier: Notify) -> None:
    """As the role does it."""
    await notifier.begin()
    await notifier()


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
async def office(engine: AsyncEngine, shared_database: str, server: MailServer) -> Office:
    """One whose notifier has been at the start of a log."""
    digests = PostgresDigests(engine, "allocations")
    await digests.put(Place("id", {0: 0}))
    return Office(shared_database, digests, server)


async def test_what_was_collected_goes_out_while_the_broker_is_away(office: Office) -> None:
    lines = [Shortage("LAMP", "order", 0, 1, AT)]
    await office.digests.collect({0: 0}, Stretch(lines, {0: 1}))
    events = Events(end=3, away=True)
    async with office.at_work(events):
        await office.until_told(1)
        events.away = False
        await office.until_told(3)
    assert office.told() == 3


async def test_of_three_one_does_the_work(office: Office) -> None:
    async with office.at_work(*(Events(end=5) for _ in range(3))):
        await office.until_told(5)
    assert office.told() == 5
    assert await office.digests.place() == Place("id", {0: 5})


async def test_who_has_lost_the_term_stops(office: Office, engine: AsyncEngine) -> None:
    pair = Events(), Events()
    async with office.at_work(*pair):
        await until_one_reads(*pair)
        async with engine.begin() as connection:
            await connection.execute(text(END_TERMS), {"name": NAME})
        await until_one_reads(*pair)


END_TERMS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE application_name = :name AND datname = current_database()
"""


async def until_one_reads(*pair: Events) -> None:
    """Return once one of them goes on, and the other does not, for a moment."""
    moved = 0
    while moved != 1:
        before = [events.reads for events in pair]
        await asyncio.sleep(0.3)
        moved = sum(events.reads > reads for events, reads in zip(pair, before, strict=True))


async def test_what_another_has_read_meanwhile_is_not_kept_twice(office: Office) -> None:
    events = Events()
    async with office.at_work(events):
        while not events.reads:  # noqa: ASYNC110 - it knows by then where it is
            await asyncio.sleep(0.01)
        await office.digests.collect({0: 0}, Stretch([Shortage("LAMP", "order", 0, 1, AT)], {0: 1}))
        events.end = 2  # the first of these it believes to have before it
        await office.until_told(2)
    assert office.told() == 2
    assert await office.digests.place() == Place("id", {0: 2})


async def test_the_first_time_nothing_that_was_there_is_told(engine: AsyncEngine, office: Office) -> None:
    events = Events(end=7)
    office.digests = PostgresDigests(engine, "another")
    async with office.at_work(events):
        while await office.digests.place() is None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        assert await office.digests.place() == Place("id", {0: 7})
        events.end = 9
        await office.until_told(2)
    assert office.told() == 2


async def test_what_retention_took_is_reported_and_the_rest_is_told(office: Office) -> None:
    async with office.at_work(Events(end=9, start_offset=6)):
        await office.until_told(3)
    assert office.astray == [Astray(0, "offset 0", "offsets 6 to 9", 6)]


async def test_drained_it_keeps_what_it_has_collected(office: Office) -> None:
    office.server.answer = lambda stage, _address: "451 busy" if stage == "DATA" else None
    async with office.at_work(Events(end=4)):
        while (await office.digests.standing()).lines < 4:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    office.server.answer = lambda _stage, _address: None
    assert (await office.digests.standing()).lines == 4
    async with office.at_work(Events(end=4)):
        await office.until_told(4)
        while await office.digests.standing() != Standing(0, 0):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    assert office.told() == 4


@pytest.mark.parametrize("point", [name for name in PLACES if name.startswith("notifier.")])
async def test_whatever_fails_each_line_is_told_and_a_repetition_is_the_same_mail(
    office: Office, engine: AsyncEngine, point: str
) -> None:
    office.points = points = Reached(parse(f"{point}=1*error->1*slow->1*off->1*error"))
    if point in {"notifier.before_begin", "notifier.begun"}:
        office.digests = PostgresDigests(engine, "another")
    else:
        await office.digests.put(Place("old", {0: 0}))  # so that where to read from has to be written down
    events = Events()
    async with office.at_work(events):
        while await office.digests.place() is None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        for events.end in (3, 5, 9):
            await office.until_told(events.end)
    assert office.told() == 9
    assert point in points.reached
    contents = {(mail.message_id, mail.content) for mail in office.server.mails}
    assert len(contents) == len({message_id for message_id, _ in contents})
    if point == "notifier.sent":
        assert len(office.server.mails) > len(contents)
