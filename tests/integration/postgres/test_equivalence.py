"""The contract written again, message by message, against batches through Postgres."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.audit.model import Model, Outcome, Received
from python_app_template.core.delivery.messages import Batch, Frame, Partition, Record, Span
from python_app_template.core.delivery.outcomes import Applied
from python_app_template.core.delivery.positions import Log
from python_app_template.service import SERVICE
from tests.property.test_allocation import batches_of_messages
from tests.shop import Shop, assert_sound, events, frames, rows
from tests.worlds import empty

pytestmark = pytest.mark.servers

TOPIC = "raw-push"


async def process(engine: AsyncEngine, batches: Sequence[Sequence[Received]]) -> None:
    """Send these batches through one worker that owns all partitions."""
    shop = Shop(engine)
    positions = shop.positions()
    at = {n: await positions.claim(Partition(TOPIC, n), Log("topic-id", 0, 0)) for n in range(3)}
    starts: dict[int, int] = defaultdict(int)
    for batch in batches:
        messages = [SERVICE.decode(Record(Partition(TOPIC, r.partition), r.offset, 0, b"key", r.value)) for r in batch]
        ends = {r.partition: r.offset + 1 for r in batch}
        spans = [Span(Partition(TOPIC, n), at[n].epoch, starts[n], end) for n, end in ends.items()]
        assert isinstance(await shop.attempt(Batch(messages, spans)), Applied)
        starts |= ends


def dead_letters(published: Sequence[Frame]) -> list[tuple[str, int, int]]:
    found = [dict(frame.headers) for frame in published if not frame.type]
    return [
        ((h["dlq.reason"] or b"").decode(), int(h["dlq.partition"] or b""), int(h["dlq.offset"] or b"")) for h in found
    ]


def without_time(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "occurred_at"}


# To shrink an example takes minutes here, and is the business of the same property in memory.
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=batches_of_messages())
async def test_however_messages_are_cut_into_batches_the_contract_comes_out_of_postgres(
    engine: AsyncEngine, batches: list[list[Received]]
) -> None:
    await empty(engine)
    await engine.dispose()  # a connection remembers which SKUs are known
    await process(engine, batches)
    received = [one for batch in batches for one in batch]
    model = Model(TOPIC)
    outcomes = model.run(received)
    assert [without_time(e) for e in await events(engine)] == [e for o in outcomes for e in o.events]
    assert dead_letters(await frames(engine)) == refused(received, outcomes)
    await assert_sound(engine)
    await assert_tables_are(engine, model)


def refused(received: Sequence[Received], outcomes: Sequence[Outcome]) -> list[tuple[str, int, int]]:
    pairs = zip(received, outcomes, strict=True)
    return [(o.reason, r.partition, r.offset) for r, o in pairs if o.reason is not None]


async def assert_tables_are(engine: AsyncEngine, model: Model) -> None:
    batches = "SELECT batch_ref, sku, purchased, allocated FROM batches"
    assert {tuple(row) for row in await rows(engine, batches)} == {
        (b.batch_ref, b.sku, b.purchased, model.allocated(b.batch_ref)) for b in model.batches.values()
    }
    orders = "SELECT order_id, cancelled FROM orders"
    assert {tuple(row) for row in await rows(engine, orders)} == {(i, o.cancelled) for i, o in model.orders.items()}
    lines = "SELECT order_id, line, sku, qty, status, batch_ref FROM order_lines ORDER BY batch_ref, version"
    found = [tuple(row) for row in await rows(engine, lines)]
    held = [line for order in model.orders.values() for line in order.lines.values()]
    known = [(x.order_id, x.index, x.sku, x.qty, x.status, x.batch_ref) for x in held]
    assert {*found} == {*known}
    for ref in model.batches:  # what is taken off first hangs on their order
        assert [row[:2] for row in reversed(found) if row[5] == ref] == [
            (line.order_id, line.index) for line in model.lines_of(ref)
        ]
