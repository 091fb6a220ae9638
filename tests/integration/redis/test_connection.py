"""A call to Redis ends when it is told to, and in time."""

import asyncio
import socket
import time

import pytest

from python_app_template.adapters.secondary.redis import checks
from python_app_template.adapters.secondary.redis.connection import connected
from python_app_template.adapters.secondary.redis.stock.copy import RedisStockCopy
from python_app_template.adapters.secondary.redis.stock.views import RedisStockViews
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.checks import CheckDoubtful, CheckFailed
from tests.copies import InRedis, redis_settings

pytestmark = pytest.mark.servers


async def test_a_call_that_is_cancelled_never_goes_on(shop: InRedis) -> None:
    """In whatever moment: while it writes, waits, or has its answer already."""

    async def claim_for_ever() -> None:
        while True:
            await shop.copy.claim()
            await asyncio.sleep(0)

    for number in range(200):
        task = asyncio.create_task(claim_for_ever())
        await asyncio.sleep(0.0005 * (number % 10))
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        assert done, f"cancellation {number} was lost"


async def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = redis_settings(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", timeout_seconds=0.2)
        async with connected(settings) as client:
            began = time.monotonic()
            with pytest.raises(TransientError, match="no answer in time"):
                await RedisStockViews(client, settings).stock(["S"])
        for check in checks.checks(settings, needed=True):
            with pytest.raises(CheckFailed, match="APP_REDIS__URL"):
                await check.look()
        for check in checks.checks(settings, needed=False):
            with pytest.raises(CheckDoubtful, match="PostgreSQL answers meanwhile"):
                await check.look()
        assert time.monotonic() - began < 5


async def test_after_a_call_was_cut_short_the_next_one_gets_its_own_answer(shop: InRedis) -> None:
    copy = RedisStockCopy(shop.client, shop.settings)
    for number in range(100):
        task = asyncio.create_task(copy.claim())
        await asyncio.sleep(0.0002 * (number % 10))
        task.cancel()
        await asyncio.wait({task})
        assert await shop.stock.stock(["NEVER"]) == {}
