"""`python -m tests.benchmark.floor.replay`: one process of the service, replayed until it is ended."""

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import msgspec

from python_app_template.lifecycle import tune_interpreter
from python_app_template.settings import Settings, load
from tests.benchmark.floor.broker import Intake, Output
from tests.benchmark.floor.recording import BROKER, FILE, POSTGRES, RESULT, WHAT, Call, Transaction, open_recording
from tests.benchmark.floor.script import Await, Fetch, Script, commits, script
from tests.benchmark.floor.sessions import Part, Pool, opened

HOW_FAR = "SELECT number FROM outbox_head"
"""The number of the last row that is committed."""


class Result(msgspec.Struct):
    """What came of it."""

    settled: list[tuple[float, int]]
    """When a batch was committed (or, without a database, consumed), in seconds since 1970; messages up to then."""
    records: int = 0
    """What was produced in committed Kafka transactions, but for cursors."""
    cpu_seconds: float = 0.0
    """Of the replay alone: the recording had been read before."""
    finished: bool = False
    otherwise: list[str] = msgspec.field(default_factory=list)
    """What a statement did otherwise than in the recorded run."""


class Stage(NamedTuple):
    """What the parts act on; None: not in this floor."""

    pool: Pool | None
    intake: Intake | None
    output: Output | None


class Replay:
    """One run. The parts run side by side on one event loop, as in the service."""

    def __init__(self, play: Script, stage: Stage, poll_seconds: float, result: Result) -> None:
        self._play, self._stage, self._poll_seconds, self._result = play, stage, poll_seconds, result
        self._committed = asyncio.Event()

    async def __call__(self) -> None:
        """Return when worker and relay have nothing more to do; what looks on ends with them."""
        play, pool = self._play, self._stage.pool
        looks = []
        if pool is not None:
            start = Part(pool)
            for call in play.start:
                await start.make(call)
            looks = [asyncio.create_task(self._look(Part(pool), calls)) for calls in play.looks.values()]
        await asyncio.gather(self._worker(), self._relay())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    async def _worker(self) -> None:
        """Take in the next batch while the database works on this one."""
        part, intake = self._part(), self._stage.intake
        batches = iter([step.messages for step in self._play.worker if isinstance(step, Fetch)])
        coming = intake.fetch(next(batches, 0)) if intake else None
        settled, unsettled = 0, 0
        for step in self._play.worker:
            if isinstance(step, Fetch):
                if intake and coming:
                    await asyncio.wrap_future(coming)
                    coming = intake.fetch(next(batches, 0))
                unsettled += step.messages
            if isinstance(step, Call) and part:
                await part.make(step)
            if unsettled and (part is None or (isinstance(step, Call) and commits(step))):
                settled, unsettled = settled + unsettled, 0
                self._result.settled.append((time.time(), settled))
                self._committed.set()

    async def _relay(self) -> None:
        part, output = self._part(), self._stage.output
        for step in self._play.relay:
            match step:
                case Await(number) if part:
                    await self._reached(part, number)
                case Call() if part:
                    await part.make(step)
                case Transaction() if output:
                    await asyncio.to_thread(output.publish, step)
                    self._result.records = output.records

    async def _reached(self, part: Part, number: int) -> None:
        """Look as the relay looks: at once after a commit of this process, else every few milliseconds."""
        while True:
            self._committed.clear()
            if await part.value(HOW_FAR) >= number:
                return
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self._committed.wait()
            except TimeoutError:
                continue

    async def _look(self, part: Part, calls: Sequence[Call]) -> None:
        began = time.monotonic()
        for call in calls:
            await asyncio.sleep(began + call.at - calls[0].at - time.monotonic())
            await part.make(call)

    def _part(self) -> Part | None:
        return Part(self._stage.pool) if self._stage.pool else None


@asynccontextmanager
async def staged(settings: Settings, play: Script, what: str) -> AsyncIterator[Stage]:
    """Open what this floor has."""
    async with AsyncExitStack() as life:
        pool = intake = output = None
        if what != BROKER:
            url = settings.database.url.get_secret_value()
            pool = await life.enter_async_context(opened(url, play.pool, play.session))
        if what != POSTGRES and play.messages:
            intake = Intake(settings)
            life.callback(intake.close)
        if what != POSTGRES and play.records:
            output = await asyncio.to_thread(Output, settings, f"floor-{uuid4()}")
        yield Stage(pool, intake, output)


async def run(settings: Settings, play: Script, what: str, write: Callable[[Result], object]) -> int:
    """Replay it; then, or when it is asked to stop before, have written down what came of it. Return when asked to."""
    result, asked = Result([]), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    began = time.process_time()
    async with staged(settings, play, what) as stage:
        replay = Replay(play, stage, settings.outbox.poll_interval_ms / 1000, result)
        going, stopping = asyncio.create_task(replay()), asyncio.create_task(asked.wait())
        await asyncio.wait({going, stopping}, return_when=asyncio.FIRST_COMPLETED)
        result.finished, result.cpu_seconds = going.done(), time.process_time() - began
        if not going.done():
            going.cancel()
            await asyncio.get_running_loop().shutdown_default_executor()  # a transaction that is under way
            result.records = stage.output.records if stage.output else 0
        result.otherwise = stage.pool.otherwise if stage.pool else []
    write(result)
    if result.finished:
        going.result()
        await stopping
    return 0


def write(result: Result, file: Path) -> None:
    """Write it whole or not at all: somebody waits for the file."""
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(result))
    part.replace(file)


def main() -> int:
    """Read the recording, and begin."""
    settings, environment = load(), os.environ
    kafka = settings.kafka
    topics = [kafka.output_topic, kafka.dead_letter_topic, str(kafka.positions_topic)]
    gc.disable()  # all of it stays
    play = script(open_recording(Path(environment[FILE])), topics)
    tune_interpreter()
    gc.enable()
    file = Path(environment[RESULT])
    return asyncio.run(run(settings, play, environment[WHAT], lambda result: write(result, file)))


if __name__ == "__main__":
    sys.exit(main())
