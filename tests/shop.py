"""Workers of the service on a database: what they are sent is decided, each call a transaction, without a broker."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.outbox import Format
from python_app_template.adapters.secondary.postgres.packing import unpack
from python_app_template.adapters.secondary.postgres.positions import PostgresPositions
from python_app_template.adapters.secondary.postgres.stock.repository import PostgresStock
from python_app_template.adapters.secondary.postgres.unit_of_work import PostgresUnitOfWork
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Batch, Frame, Message, Partition, Record, Span
from python_app_template.core.delivery.outcomes import Applied, Attempt, Outcome
from python_app_template.core.delivery.positions import Log
from python_app_template.core.domain.commands import Command
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.stock import Stock, Wanted
from python_app_template.core.use_cases.process_batch import ProcessBatch
from python_app_template.service import SERVICE
from tests.fakes.clock import FakeClock

FORM = Format(
    SERVICE.encode,
    "allocations",
    "raw-push.dlq",
    "python-app-template",
    "1",
    row_bytes=2**22,
    largest_dead_letter=2**20,
)

Body = Mapping[str, Any]


def bought(ref: str, sku: str, qty: int = 1000, eta: str | None = None) -> Body:
    return {"type": "batch.created", "batch_ref": ref, "sku": sku, "qty": qty, "eta": eta}


def changed(ref: str, qty: int) -> Body:
    return {"type": "batch.quantity_changed", "batch_ref": ref, "qty": qty}


def placed(order_id: str, *lines: tuple[str, int], **more: object) -> Body:
    content = [{"sku": sku, "qty": qty} for sku, qty in lines]
    return {"type": "order.placed", "order_id": order_id, "lines": content, **more}


def cancelled(order_id: str) -> Body:
    return {"type": "order.cancelled", "order_id": order_id}


def nothing() -> None:
    return None


@dataclass
class Shop:
    """A worker that owns one partition. `raced` counts what it had to decide again."""

    engine: AsyncEngine
    number: int = 0
    form: Format = FORM
    epoch: int = 0
    next_offset: int = 0
    raced: int = 0
    attempt: ProcessBatch[Command, Event, Wanted, Stock] = field(init=False)

    def __post_init__(self) -> None:
        self.attempt = ProcessBatch(self.begin, SERVICE.want, SERVICE.decide, FakeClock())

    def begin(self) -> PostgresUnitOfWork[Event, Wanted, Stock]:
        return PostgresUnitOfWork[Event, Wanted, Stock](self.engine, PostgresStock, self.form, nothing)

    @property
    def partition(self) -> Partition:
        return Partition("raw-push", self.number)

    def positions(self) -> PostgresPositions:
        return PostgresPositions(self.engine, "group", 1000)

    async def claim(self) -> "Shop":
        row = await self.positions().claim(self.partition, Log("topic-id", 0, 0))
        self.epoch, self.next_offset = row.epoch, row.next_offset
        return self

    def span(self, messages: int) -> Span:
        return Span(self.partition, self.epoch, self.next_offset, self.next_offset + messages)

    def batch(self, *bodies: Body) -> Batch[Command]:
        values = [json.dumps(body).encode() for body in bodies]
        return Batch([self._message(i, value) for i, value in enumerate(values)], [self.span(len(values))])

    async def send(self, *bodies: Body) -> Outcome[Event]:
        """Consume these messages in one transaction, again while what they need comes in between."""
        batch = self.batch(*bodies)
        while True:
            try:
                return self.applied(batch, await self.attempt(batch))
            except TransientError as fault:
                if fault.code != "raced":
                    raise
                self.raced += 1

    def applied(self, batch: Batch[Command], attempt: Attempt[Event]) -> Outcome[Event]:
        """Go on after the batch, and return its outcome."""
        assert isinstance(attempt, Applied)
        self.next_offset = batch.spans[0].end
        return attempt.outcome

    def _message(self, place: int, value: bytes) -> Message[Command]:
        return SERVICE.decode(Record(self.partition, self.next_offset + place, 0, None, value))


def reasons(outcome: Outcome[Event]) -> list[str]:
    return [letter.why.reason for letter in outcome.dead_letters]


def kinds(outcome: Outcome[Event]) -> list[str]:
    return [type(fact.event).__name__ for fact in outcome.facts]


async def rows(engine: AsyncEngine, question: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(text(question))).all()


async def frames(engine: AsyncEngine) -> list[Frame]:
    """All that is in the outbox, in the order of its commits."""
    found = await rows(engine, "SELECT frames FROM outbox WHERE number > 0 ORDER BY number")
    return [frame for row in found for frame in unpack(row.frames)]


async def events(engine: AsyncEngine) -> list[dict[str, Any]]:
    return [json.loads(frame.value or b"") for frame in await frames(engine) if frame.type]


async def assert_sound(engine: AsyncEngine) -> None:
    """Hold the tables and the events in the outbox against each other."""
    seen: dict[str, int] = {}
    for event in await events(engine):
        if event["type"] == "line.rejected":
            assert event["sku"] not in seen, f"{event['id']} was rejected after its SKU was known"
        else:
            assert event["version"] == seen.get(event["sku"], 0) + 1, f"a gap before {event['id']}"
            seen[event["sku"]] = event["version"]
    assert dict(tuple(row) for row in await rows(engine, "SELECT sku, version FROM products")) == seen
    wrong = """
        SELECT b.batch_ref, b.allocated, sum(l.qty) FROM batches b LEFT JOIN order_lines l USING (batch_ref)
        GROUP BY b.batch_ref HAVING b.allocated <> coalesce(sum(l.qty), 0)
    """
    assert await rows(engine, wrong) == []
    astray = """
        SELECT l.order_id FROM order_lines l LEFT JOIN orders o USING (number)
        WHERE o.order_id IS DISTINCT FROM l.order_id
    """
    assert await rows(engine, astray) == []
    numbers = [row.number for row in await rows(engine, "SELECT number FROM outbox ORDER BY number")]
    assert numbers == [*range(len(numbers))]
