"""Sensors, another domain, through the same machinery and a real database: the frame knows no orders."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import text

from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.adapters.secondary.postgres.forgetting import PostgresForgetting
from python_app_template.adapters.secondary.postgres.unit_of_work import PostgresUnitOfWork
from python_app_template.core.delivery.messages import Batch, Message, Record, Span
from python_app_template.core.delivery.outcomes import Applied, Outcome
from python_app_template.core.use_cases.process_batch import ProcessBatch
from python_app_template.core.use_cases.purge import Purge
from tests.builders import P, log
from tests.fakes.clock import FakeClock
from tests.second_domain.sensors import SENSORS, Command, Event, Sensors
from tests.worlds import FORM, InPostgres, World, nothing, world_at

pytestmark = pytest.mark.servers


@pytest.fixture
async def database(shared_database: str) -> AsyncIterator[InPostgres]:
    async with world_at(shared_database) as world:
        assert isinstance(world, InPostgres)
        yield world


class Worker:
    """Owns one partition, and sends it batches."""

    def __init__(self, world: InPostgres, epoch: int) -> None:
        def begin() -> PostgresUnitOfWork[Event, frozenset[str], Sensors]:
            return PostgresUnitOfWork[Event, frozenset[str], Sensors](world.engine, SENSORS.repository, FORM, nothing)

        self.epoch, self.next_offset = epoch, 0
        self.process = ProcessBatch(begin, SENSORS.want, SENSORS.decide, FakeClock())

    async def send(self, *bodies: dict[str, object]) -> Outcome[Event]:
        start = self.next_offset
        self.next_offset += len(bodies)
        messages = [self._message(start + i, body) for i, body in enumerate(bodies)]
        attempt = await self.process(Batch(messages, [Span(P, self.epoch, start, self.next_offset)]))
        assert isinstance(attempt, Applied)
        return attempt.outcome

    def _message(self, offset: int, body: dict[str, object]) -> Message[Command]:
        return SENSORS.decode(Record(P, offset, 0, None, msgspec.json.encode(body)))


@pytest.fixture
async def worker(database: InPostgres) -> Worker:
    return Worker(database, (await database.positions().claim(P, log())).epoch)


def register(sensor: str, limit: float = 10.0) -> dict[str, object]:
    return {"type": "register", "sensor": sensor, "limit": limit}


def read(sensor: str, sequence: int, value: float) -> dict[str, object]:
    return {"type": "read", "sensor": sensor, "sequence": sequence, "value": value}


async def test_readings_above_the_limit_become_alerts_across_batches(database: World, worker: Worker) -> None:
    await worker.send(register("a"), register("b"), read("a", 1, 11.0))
    await worker.send(read("a", 2, 12.0), read("b", 1, 9.0))
    await worker.send(read("a", 3, 9.0), read("b", 2, 10.5))
    assert await database.published() == ["a", "a", "b"]
    assert {name: sensor.alarmed for name, sensor in (await database.sensors()).items()} == {"a": False, "b": True}


async def test_an_old_reading_and_a_repeated_registration_have_no_effect(worker: Worker) -> None:
    await worker.send(register("a"), read("a", 5, 1.0))
    outcome = await worker.send(register("a"), read("a", 5, 99.0), read("a", 4, 99.0))
    assert (len(outcome.duplicates), outcome.facts) == (3, [])


async def test_what_can_not_be_applied_becomes_a_dead_letter_and_leaves_no_trace(
    database: InPostgres, worker: Worker
) -> None:
    outcome = await worker.send({"type": "nonsense"}, read("never", 1, 1.0), register("a"), register("a", limit=2.0))
    assert [letter.why.reason for letter in outcome.dead_letters] == ["invalid", "unknown_sensor", "conflict"]
    async with database.engine.connect() as connection:
        assert (await connection.scalars(text("SELECT sensor FROM sensors"))).all() == ["a"]


async def test_a_domain_that_says_nothing_of_purging_keeps_all(database: InPostgres, worker: Worker) -> None:
    await worker.send(register("a"), read("a", 1, 11.0))
    before = await database.sensors()
    forgotten = await Purge(PostgresForgetting(database.engine, SENSORS.forget), SystemClock())(datetime.now(UTC))
    assert forgotten == {"oversized": 0}
    assert await database.sensors() == before
