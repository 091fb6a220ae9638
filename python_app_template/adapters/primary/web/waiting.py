"""Waiting for commands: one task looks for all who wait, and rests while nobody does."""

import asyncio

import structlog

from python_app_template.core.delivery.commands import Place, Standing, Status
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.use_cases.backoff import Backoff
from python_app_template.core.use_cases.follow_commands import PENDING, FollowCommands

LOOK_SECONDS = 0.01
"""Between two looks; a batch of the worker takes about as long."""

log = structlog.get_logger(__name__)


class Waiting:
    """Requests that are held until a command is no longer pending, the time is up, or the service stops."""

    def __init__(self, follow: FollowCommands, pause: Backoff) -> None:
        self._follow, self._pause = follow, pause
        self._somebody = asyncio.Event()
        self._drained = asyncio.Event()

    async def standing(self, place: Place) -> Standing:
        """Say what has become of a command by now. Raises TransientError."""
        return await self._follow.standing(place)

    async def until_decided(self, place: Place, seconds: float) -> Standing:
        """Wait so long at most; what nobody knows by then is pending."""
        if not seconds:
            return PENDING
        decided: asyncio.Future[Standing] = asyncio.get_running_loop().create_future()

        def tell(standing: Standing) -> None:
            if not decided.done():
                decided.set_result(standing)

        leave = self._follow.wait(place, tell)
        self._somebody.set()
        try:
            async with asyncio.timeout(seconds):
                return await decided
        except TimeoutError:
            return PENDING
        finally:
            leave()

    def drain(self) -> None:
        """Tell all who wait that it is pending."""
        self._drained.set()
        self._somebody.set()
        self._follow.drain()

    async def run(self) -> None:
        """Look, until it is drained."""
        tries = 0
        while not self._drained.is_set():
            if not self._follow.waiting:
                self._somebody.clear()
                await self._somebody.wait()
            try:
                await self._follow.look()
                tries = 0
                await asyncio.sleep(LOOK_SECONDS)
            except TransientError as fault:
                tries += 1
                if tries == 1:
                    log.warning("dependency.away", operation="commands", error=f"{fault}", code=fault.code)
                await self._pause(tries)


def is_decided(standing: Standing) -> bool:
    """Tell whether there is nothing more to wait for."""
    return standing.status is not Status.PENDING
