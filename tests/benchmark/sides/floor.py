"""The floor: what the service asks of its servers, replayed without any logic; whole, and each server alone."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import make_url

from tests.benchmark.floor.recorded_run import RecordedRun, Shape, create_database, record, rows_of
from tests.benchmark.floor.recording import BROKER, FILE, POSTGRES, RESULT, WHAT, WHOLE
from tests.benchmark.floor.replay import Result
from tests.benchmark.sides import Grounds, Side
from tests.benchmark.sides.service import settings_for
from tests.benchmark.surroundings import create_topics
from tests.benchmark.visible import everything
from tests.processes import ServiceProcess
from tests.sql import run_sql

RECORDED: dict[tuple[str, Shape], RecordedRun] = {}
"""Runs that were recorded on these servers: one recording is replayed many times."""


class ReplayProcess(ServiceProcess):
    """One process of the service, replayed."""

    module = "tests.benchmark.floor.replay"


class Floor(Side):
    """Replays a run of the service: it is recorded when the first floor of that shape is prepared."""

    guarantee = "none: nothing is decided"

    def __init__(self, shape: Shape, what: str = WHOLE) -> None:
        self._shape, self.what = shape, what
        self.name = {WHOLE: "floor", POSTGRES: "floor: Postgres alone", BROKER: "floor: broker alone"}[what]
        self.parts = ("worker", "relay") if shape.split else ("worker and relay",)
        self.loads = (shape.load,)
        processes = "worker and relay, a process each" if shape.split else "worker and relay in one process"
        self.setup = f"{processes}; recorded batches of {shape.batch_size:,}"

    def prepare(self, grounds: Grounds) -> None:
        """Let the database be as the recorded run found it."""
        run = self.recorded(grounds)
        asyncio.run(create_topics(settings_for(grounds)))
        url = make_url(grounds.database)
        beside = url.set(database="postgres").render_as_string(hide_password=False)
        run_sql(beside, f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)')
        create_database(beside, str(url.database), run.template)

    def recorded(self, grounds: Grounds) -> RecordedRun:
        """Return the recording, made now if there is none."""
        key = (grounds.servers, self._shape)
        if key not in RECORDED:
            directory = grounds.directory.parent / f"floor-{len(RECORDED)}"
            directory.mkdir(parents=True)
            RECORDED[key] = record(grounds.servers, grounds.database, self._shape, directory)
        return RECORDED[key]

    @contextmanager
    def running(self, grounds: Grounds) -> Iterator[Sequence[int]]:
        """Replay each recorded process in one of its own."""
        settings, size = settings_for(grounds), {"APP_CONSUMER__BATCH_SIZE": str(self._shape.batch_size)}
        with ExitStack() as life:
            replays = [
                ReplayProcess(
                    settings,
                    grounds.directory,
                    f"replay-{number}",
                    **size,
                    **{FILE: str(file), WHAT: self.what, RESULT: str(result_file(grounds, number))},
                )
                for number, file in enumerate(self.recorded(grounds).files)
            ]
            for replay in replays:
                life.callback(replay.close)
                replay.start()
            yield [replay.pid for replay in replays]
            for replay in replays:
                assert replay.terminate() == 0, replay.explain()

    def violations(self, grounds: Grounds, orders: int) -> list[str]:  # noqa: ARG002 - it did what was recorded
        """What it did otherwise than the recorded run: a statement, the rows in the end, what is visible."""
        results = self.results(grounds)
        found = [line for result in results for line in result.otherwise]
        if self.what != BROKER and all(result.finished for result in results):
            rows, expected = rows_of(grounds.database), self.recorded(grounds).rows
            found += [f"{t}: {rows[t]} rows, not {expected[t]}" for t in rows if rows[t] != expected[t]]
        produced = sum(result.records for result in results)
        topics = (grounds.output_topic, settings_for(grounds).kafka.dead_letter_topic)
        visible = sum(1 for topic in topics for _ in everything(grounds.servers, topic))
        return [*found, f"{visible} records are visible, not {produced}"] if visible != produced else found

    def is_finished(self, grounds: Grounds) -> bool:
        """Whether all that was recorded is done."""
        return len(self.results(grounds)) == len(self.parts)

    def results(self, grounds: Grounds) -> list[Result]:
        """What the processes wrote down, those that have done so."""
        files = [result_file(grounds, number) for number in range(len(self._shape.roles))]
        return [msgspec.json.decode(file.read_bytes(), type=Result) for file in files if file.exists()]


def result_file(grounds: Grounds, number: int) -> Path:
    """Where a process writes what came of it."""
    return grounds.directory / f"replay-{number}.result"


SIDES: Sequence[Side] = [Floor(Shape()), Floor(Shape(), BROKER)]
"""Those of which events become visible; Postgres alone is measured by `tests.benchmark.share`."""
