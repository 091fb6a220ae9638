"""The relay's lock on a real server: what ends it, what does not, and that giving it up never waits."""

import asyncio
import signal
import sys
import threading
import time
from asyncio.subprocess import PIPE

import pytest
from sqlalchemy.engine import make_url

from python_app_template.adapters.secondary.postgres.term import lead
from python_app_template.core.delivery.faults import FatalError, TransientError
from python_app_template.core.ports.publishing import Lead
from python_app_template.settings import load
from tests.proxy import proxy_to
from tests.surroundings import ROOT

pytestmark = pytest.mark.servers

IDLE_MS = 1500


def leading(url: str) -> Lead:
    database = load({"database.url": url, "database.connect_timeout_seconds": 2}).database
    return lead(database, idle_session_ms=IDLE_MS)


async def is_free(url: str) -> bool:
    async with leading(url)() as term:
        return await term.holds()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "relay-term"]


async def test_a_frozen_holder_is_ended_by_the_server_and_knows_when_it_wakes(shared_database: str) -> None:
    arguments = ["-m", "tests.integration.postgres.leader", shared_database, str(IDLE_MS)]
    leader = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=PIPE, stdout=PIPE, cwd=ROOT)
    assert leader.stdin is not None
    assert leader.stdout is not None
    try:
        assert await leader.stdout.readline() == b"True\n"
        leader.send_signal(signal.SIGSTOP)
        async with asyncio.timeout(10):
            while not await is_free(shared_database):
                pass
        leader.send_signal(signal.SIGCONT)
        leader.stdin.write(b"\n")
        assert await leader.stdout.readline() == b"False\n"
    finally:
        leader.kill()
        await leader.communicate()


async def test_a_loop_that_is_blocked_for_longer_than_the_server_waits_keeps_it(shared_database: str) -> None:
    async with leading(shared_database)() as term:
        time.sleep(IDLE_MS / 1000 + 0.8)  # noqa: ASYNC251 - as a long decision does
        assert await term.holds()


async def test_when_the_server_is_silent_it_is_lost_and_given_up_at_once(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy, asyncio.timeout(10):
        async with leading(proxy.url)() as term:
            proxy.freeze()
            assert not await term.holds()
            started = time.monotonic()
        assert time.monotonic() - started < 3
    assert threads() == []


async def test_when_the_connection_breaks_it_is_lost_though_the_server_is_there(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy, leading(proxy.url)() as term:
        proxy.cut()
        assert not await term.holds()
        assert await is_free(shared_database)
        assert not await term.holds()


async def test_a_server_that_does_not_answer_is_a_passing_fault(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy, asyncio.timeout(10):
        proxy.freeze()
        with pytest.raises(TransientError):
            await is_free(proxy.url)
    assert threads() == []


async def test_no_server_at_all_is_a_passing_fault_and_a_wrong_password_is_not(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy:
        nobody = proxy.url
    with pytest.raises(TransientError):
        await is_free(nobody)
    wrong = make_url(shared_database).set(password="x")  # noqa: S106 - nobody's
    with pytest.raises(FatalError, match="28P01"):
        await is_free(wrong.render_as_string(hide_password=False))
    assert threads() == []


async def test_to_be_cancelled_while_connecting_or_queueing_leaves_nothing(shared_database: str) -> None:
    async with proxy_to(shared_database) as proxy, leading(shared_database)():
        proxy.freeze()
        for url in (proxy.url, shared_database):
            task = asyncio.create_task(is_free(url))
            await asyncio.sleep(0.1)  # somewhere in the middle
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert threads() == []


async def test_a_url_with_options_is_read_as_the_engine_reads_it(shared_database: str) -> None:
    url = make_url(shared_database).update_query_dict({"ssl": "disable"})
    assert await is_free(url.render_as_string(hide_password=False))
