"""Contract, section 12: what is out of stock is mailed, each line at least once, and a repetition is recognised."""

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest

from python_app_template.embedded.ports import ReservedPort
from python_app_template.settings import Settings
from tests.clients import World, batch, order
from tests.e2e.conftest import Launch
from tests.mail_server import Arrived, MailServer, mail_server
from tests.processes import ServiceProcess, wait_until
from tests.sql import run_sql

pytestmark = pytest.mark.servers

DIGEST_SECONDS = 0.4


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def mail_settings(server: MailServer, **more: str) -> dict[str, str]:
    return {
        "APP_ROLES": "notifier",
        "APP_MAIL__URL": f"smtp://{server.address}",
        "APP_MAIL__FROM": "stock@shop.example",
        "APP_MAIL__TO": "ann@shop.example",
        "APP_MAIL__DIGEST_SECONDS": str(DIGEST_SECONDS),
        "APP_MAIL__RETRY_SECONDS": "0.2",
        **more,
    }


def runs_out(world: World, order_id: str, lines: int = 1, sku: str = "LAMP") -> None:
    """Order what is known and not there, and wait until that is published."""
    before = sum(event.key == sku.encode() for event in world.all_events())
    world.send(order(order_id, *[(sku, 1000)] * lines))
    world.events_of(sku, before + lines)


def told(mails: list[Arrived]) -> list[str]:
    """The orders that were told of, as often as they were in different mails."""
    texts = {mail.message_id: mail.part("plain") for mail in mails}
    return sorted(found for text in texts.values() for found in re.findall(r"order ([\w-]+), line", text))


def has_told(server: MailServer, *order_ids: str) -> Callable[[], bool]:
    return lambda: set(order_ids) <= set(told(server.mails))


@pytest.fixture
def shop(launch: Launch, world: World) -> World:
    """A service that decides, a lamp that it knows, and an order that ran out before anybody was to be told."""
    launch("worker").until_ready()
    world.send(batch("b", "LAMP", 1))
    world.events_of("LAMP", 1)
    runs_out(world, "too-early")
    return world


def test_it_begins_at_the_logs_end_and_goes_on_where_it_was(shop: World, launch: Launch, server: MailServer) -> None:
    late = {"APP_FAILPOINTS__POINTS": "notifier.before_begin=1*delay(1)"}
    notifier = launch("notifier", **mail_settings(server, **late)).until_ready()
    assert notifier.lines("digests.begun"), "ready before it was written down from where on people are told"
    runs_out(shop, "first", 2)
    wait_until(has_told(server, "first"), explain=notifier.explain)
    assert notifier.terminate() == 0
    runs_out(shop, "meanwhile")
    notifier.start().until_ready()
    wait_until(has_told(server, "meanwhile"), explain=notifier.explain)
    assert not notifier.lines("digests.begun")
    assert told(server.mails) == ["first", "first", "meanwhile"]
    assert [str(mail.mail["Subject"]) for mail in server.mails] == [
        "Out of stock: 2 lines, 2,000 units",
        "Out of stock: 1 line, 1,000 units",
    ]
    wait_until(lambda: notifier.metric("app_digests_total", outcome="sent") == 1)
    assert notifier.metric("app_digests_total", outcome="failed") == 0


def test_killed_between_sending_and_noting_it_the_same_mail_comes_again(
    shop: World, launch: Launch, server: MailServer
) -> None:
    notifier = launch("notifier", **mail_settings(server)).until_ready()

    def take_and_kill(stage: str, _address: str) -> str | None:
        if stage == "DATA" and len(server.mails) == 0:
            os.kill(notifier.pid, signal.SIGKILL)
            return "250 taken, and nobody hears it"
        return None

    server.answer = take_and_kill
    runs_out(shop, "once")
    wait_until(lambda: bool(server.mails), explain=notifier.explain)
    notifier.wait()
    notifier.start()
    wait_until(lambda: len(server.mails) == 2, explain=notifier.explain)
    first, again = server.mails
    assert first.message_id == again.message_id
    assert first.content == again.content
    runs_out(shop, "next")
    wait_until(has_told(server, "next"), explain=notifier.explain)
    assert told(server.mails) == ["next", "once"]


def test_a_server_that_is_away_or_busy_makes_it_unready_and_nothing_is_lost(shop: World, launch: Launch) -> None:
    with ReservedPort() as port:
        absent = MailServer(port.number)
        notifier = launch("notifier", **mail_settings(absent))
        wait_until(lambda: bool(notifier.lines("digests.begun")), explain=notifier.explain)
        wait_until(lambda: list(notifier.failing()) == ["mail server"], explain=notifier.explain)
        runs_out(shop, "first")
        wait_until(lambda: notifier.metric("app_digest_lines_pending") == 1)
        with mail_server(port=port.number) as server:
            busy = True
            server.answer = lambda stage, _address: "451 busy" if busy and stage == "DATA" else None
            wait_until(lambda: notifier.failing().get("mail server") == "send_mail: mail server: 451 busy")
            assert notifier.get("/health/live").status_code == 200
            runs_out(shop, "second")
            wait_until(lambda: notifier.metric("app_digest_lines_pending") == 2)
            assert notifier.metric("app_digests_pending") == 1
            busy = False
            wait_until(has_told(server, "first", "second"), explain=notifier.explain)
            assert len(server.mails) == 2
            notifier.until_ready()
            wait_until(lambda: notifier.metric("app_digest_lines_pending") == 0)


def test_what_is_refused_is_kept_and_counted_and_the_next_goes_on(
    shop: World, launch: Launch, server: MailServer, settings: Settings
) -> None:
    refusing = True
    server.answer = lambda stage, _address: "554 never" if refusing and stage == "DATA" else None
    notifier = launch("notifier", **mail_settings(server)).until_ready()
    runs_out(shop, "refused")
    wait_until(lambda: notifier.metric("app_digests_total", outcome="failed") == 1, explain=notifier.explain)
    notifier.until_ready()
    refusing = False
    runs_out(shop, "next")
    wait_until(has_told(server, "next"), explain=notifier.explain)
    assert told(server.mails) == ["next"]
    kept = "SELECT convert_from(content, 'UTF8') || refused FROM digests WHERE state = 'failed'"
    content = run_sql(settings.database.url.get_secret_value(), kept)
    assert "refused, line" in content
    assert "554 never" in content


def test_of_two_one_tells_and_the_other_takes_over(shop: World, launch: Launch, server: MailServer) -> None:
    pair = [launch(name, **mail_settings(server)) for name in ("one", "two")]
    pair[0].until_ready()
    runs_out(shop, "first", 3)

    def leaders() -> list[ServiceProcess]:
        return [process for process in pair if process.metric("app_digests_total", outcome="sent") == 1]

    wait_until(lambda: bool(leaders()))
    leaders()[0].kill()
    runs_out(shop, "second")
    wait_until(has_told(server, "second"))
    assert told(server.mails) == ["first", "first", "first", "second"]
    assert len({mail.message_id for mail in server.mails}) == len(server.mails)


def test_without_a_mail_server_it_is_logged(shop: World, launch: Launch) -> None:
    roles = {"APP_ROLES": "notifier", "APP_MAIL__DIGEST_SECONDS": str(DIGEST_SECONDS)}
    notifier = launch("notifier", **roles).until_ready()
    runs_out(shop, "first")
    wait_until(lambda: bool(notifier.lines("mail.logged")), explain=notifier.explain)
    assert "order first, line 0" in notifier.lines("mail.logged")[0]["text"]
    assert notifier.terminate() == 0


@pytest.mark.slow
def test_a_storm_is_one_mail(shop: World, launch: Launch, server: MailServer) -> None:
    """100,000 lines: 200 of them and the totals, and no more memory than for a few."""
    import psutil  # noqa: PLC0415 - this test's alone

    notifier = launch("notifier", **mail_settings(server, APP_MAIL__DIGEST_SECONDS="15")).until_ready()
    before = psutil.Process(notifier.pid).memory_info().rss
    shop.send(*(order(f"storm-{number}", *[("LAMP", 1000)] * 100) for number in range(1000)))
    wait_until(lambda: notifier.metric("app_digest_lines_pending") == 100_000, 60, notifier.explain)
    assert psutil.Process(notifier.pid).memory_info().rss - before < 100 * 2**20
    wait_until(lambda: bool(server.mails), 60, notifier.explain)
    (mail,) = server.mails
    assert str(mail.mail["Subject"]) == "Out of stock: 100,000 lines, 100,000,000 units"
    assert len(told([mail])) == 200
    assert "and 99800 more" in mail.part("plain")
