"""While a role still opens what it serves, the service listens, and is not ready."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import httpx
import pytest
from structlog.testing import capture_logs

from python_app_template.app import serve
from python_app_template.frame import Role
from python_app_template.lifecycle import Part
from python_app_template.service import SERVICE
from python_app_template.settings import Settings
from python_app_template.world import World

pytestmark = pytest.mark.servers


async def test_it_is_ready_once_every_role_is_open(settings: Settings) -> None:
    opened = asyncio.Event()

    @asynccontextmanager
    async def opening(_: World) -> AsyncIterator[Sequence[Part]]:
        await opened.wait()
        yield []

    slow = settings.model_copy(update={"roles": frozenset({"worker", "relay", "slow"})})
    with capture_logs() as told:
        serving = asyncio.create_task(serve(replace(SERVICE, roles={"slow": Role(opening)}), slow, None))
        async with asyncio.timeout(30), httpx.AsyncClient() as client:

            async def failing() -> set[str]:
                found = [line["port"] for line in told if line["event"] == "http.listening"]
                if not found:
                    return {"preflight"}
                return set((await client.get(f"http://127.0.0.1:{found[0]}/health/ready")).json()["failing"])

            while "preflight" in await failing():  # noqa: ASYNC110 - another task, which tells nobody
                await asyncio.sleep(0.02)
            assert await failing() == {"roles"}
            opened.set()
            while await failing():  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.02)
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
