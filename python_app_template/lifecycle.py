"""Starting parts, stopping them in order when asked to, and no later than the grace allows."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import structlog

from python_app_template.exit_codes import ExitCode

T = TypeVar("T")

log = structlog.get_logger(__name__)


NEW_OBJECTS = 200_000
"""More than a batch of orders or a page of the outbox has; by Python's own threshold (700) each is looked at often."""

SWITCH_SECONDS = 0.001
"""How long a thread that computes keeps the interpreter from one that waits for it; by Python's own choice 5 ms."""


def tune_interpreter() -> None:
    """Suit Python to large batches, and to threads that compute beside the event loop.

    - The garbage collector, which is there for cycles alone, runs a few times per second and not per batch:
      measured with 60,000 orders, side by side, 30 % less CPU time of the service.
    - The event loop goes on soon after each answer while other threads decode, decide and encode: it gives the
      interpreter away with each system call, so each statement of a transaction would wait for 5 ms and more.
    """
    gc.freeze()  # what is there by now stays
    gc.set_threshold(NEW_OBJECTS, 10, 10)
    sys.setswitchinterval(SWITCH_SECONDS)


class Part(NamedTuple):
    """Something that runs until it is drained: what it has in hand is finished, then `run` returns."""

    name: str
    run: Callable[[], Awaitable[None]]
    drain: Callable[[], None] | None
    """None: it has nothing in hand, and is cancelled when all others are done."""


def _end_at_once(_number: int, _frame: FrameType | None) -> None:
    os._exit(ExitCode.INTERRUPTED)  # whatever hangs would hang in an orderly exit too


def repeating(name: str, look: Callable[[], Awaitable[None]], seconds: float) -> Part:
    """Return a part that looks every so many seconds."""

    async def run() -> None:
        while True:
            await look()
            await asyncio.sleep(seconds)

    return Part(name, run, drain=None)


class DrainTimedOut(Exception):
    """The grace is over and something in hand is not finished; it is not lost, but will be done again."""


class Stop:
    """The first SIGTERM or SIGINT asks to stop, a second one ends the process at once."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    @classmethod
    def listening(cls) -> "Stop":
        """Take the signals from now on; called on the main thread, with the loop running."""
        stop = cls()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.on_signal, number)
        return stop

    async def asked(self) -> None:
        """Return once it is asked for."""
        await self._asked.wait()

    def on_signal(self, number: int) -> None:
        """Ask for it; from now on a signal is not the event loop's to hear, which may hang."""
        self._asked.set()
        for again in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(again)
            signal.signal(again, _end_at_once)
        log.info("service.stopping", signal=signal.Signals(number).name)  # last: who reads it may send the second one


async def unless_stopped(work: Awaitable[T], stop: Stop) -> T | None:
    """Do the work and return what comes of it; None: it was given up because a stop was asked for."""
    task, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.asked())
    await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
    done = task.done()
    await _cancel([asked] if done else [asked, task])
    return task.result() if done else None


async def run_until(stop: Stop, parts: Sequence[Part], grace_seconds: float, stopping: Callable[[], None]) -> None:
    """Run the parts until a stop is asked for, then drain them in their order. What a part raises ends the others.

    `stopping` is called when the draining begins.

    Raises DrainTimedOut.
    """
    asked = asyncio.create_task(stop.asked())
    tasks = {part.name: asyncio.create_task(_run(part), name=part.name) for part in parts}
    try:
        await asyncio.wait({asked, *tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks.values():
            if task.done():
                task.result()
        stopping()
        await _drain(parts, tasks, grace_seconds)
    finally:
        await _cancel([asked, *tasks.values()])


async def _run(part: Part) -> None:
    await part.run()


async def _drain(parts: Sequence[Part], tasks: dict[str, "asyncio.Task[None]"], grace_seconds: float) -> None:
    waits_for = ""
    try:
        async with asyncio.timeout(grace_seconds):
            for part in parts:
                if part.drain is not None:
                    waits_for = part.name
                    part.drain()
                    await asyncio.shield(tasks[part.name])
    except TimeoutError:
        raise DrainTimedOut(f"{waits_for} not finished within {grace_seconds:g} s") from None


async def _cancel(tasks: Sequence["asyncio.Future[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
