"""The domain against the contract written again, on random messages in random batches."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from python_app_template.adapters.wire.events import encode
from python_app_template.adapters.wire.messages import decode
from python_app_template.audit.model import Model, Outcome, Received
from python_app_template.core.delivery.messages import Fact, Partition, Record, Refused
from python_app_template.core.delivery.outcomes import NoEffect
from python_app_template.core.domain.commands import Command
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.stock import Stock
from python_app_template.core.use_cases.handlers import HANDLERS, want
from python_app_template.core.use_cases.message_bus import MessageBus
from tests.property.tables import Tables

BUS: MessageBus[Command, Stock, Event] = MessageBus(Command, HANDLERS)
NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)

# Few names and small numbers: messages shall meet each other.
skus = st.sampled_from(["CHAIR", "CHAIR", "CHAIR", "LAMP"])
order_ids = st.sampled_from([f"o{n}" for n in range(20)])
batch_refs = st.sampled_from(["b1", "b10", "b2", "b3", "b4", "z", "\ue000", "\U0001f4e6"])
quantities = st.integers(0, 12)
etas = st.sampled_from([None, "2026-12-01", "2026-12-02", "0001-01-01"])
instants = st.sampled_from([None, "2026-11-20T20:00:00Z", "2026-11-20T21:00:00+01:00", "2026-11-20T20:00:00.5Z"])
lines = st.lists(st.fixed_dictionaries({"sku": skus, "qty": st.sampled_from([1, 1, 2, 5])}), min_size=1, max_size=3)
placed = st.fixed_dictionaries(
    {"type": st.just("order.placed"), "order_id": order_ids, "lines": lines}, optional={"placed_at": instants}
)
cancelled = st.fixed_dictionaries({"type": st.just("order.cancelled"), "order_id": order_ids})
created = st.fixed_dictionaries(
    {"type": st.just("batch.created"), "batch_ref": batch_refs, "sku": skus, "qty": quantities, "eta": etas}
)
changed = st.fixed_dictionaries({"type": st.just("batch.quantity_changed"), "batch_ref": batch_refs, "qty": quantities})
bodies = st.one_of(placed, placed, created, changed, cancelled)


@st.composite
def batches_of_messages(draw: st.DrawFn) -> list[list[Received]]:
    """Draw messages, some of them sent again, and cut them into batches."""
    first = draw(st.lists(created, min_size=1, max_size=4))
    then = draw(st.lists(bodies, min_size=25, max_size=50))
    values = [json.dumps(body).encode() for body in [*first, *then]]
    again = draw(st.lists(st.sampled_from(values), max_size=5))
    received = [Received(n % 3, n, value) for n, value in enumerate([*values, *again])]
    cuts = sorted({0, len(received), *draw(st.lists(st.integers(0, len(received)), max_size=6))})
    return [received[start:end] for start, end in pairwise(cuts)]


def process(tables: Tables, batch: Sequence[Received]) -> Iterator[Outcome]:
    messages = [decode(Record(Partition("raw-push", r.partition), r.offset, 0, None, r.value)) for r in batch]
    loaded = tables.load(want([m.content for m in messages if not isinstance(m.content, Refused)]))
    for message in messages:
        decision = message.content if isinstance(message.content, Refused) else BUS(message.content, loaded.stock)
        if isinstance(decision, Refused):
            yield Outcome(message.type, reason=decision.reason)
        elif isinstance(decision, NoEffect):
            yield Outcome(message.type, duplicate=True)
        else:
            yield Outcome(message.type, [published(Fact(event, message.record, NOW)) for event in decision])
    loaded.flush()
    tables.check()


def published(fact: Fact[Event]) -> dict[str, Any]:
    [frame] = encode([fact], "allocations", "test")
    event: dict[str, Any] = json.loads(frame.value or b"")
    assert event.pop("occurred_at") == "2026-11-20T20:00:00.000000Z"
    return event


def ordered(outcomes: Sequence[Outcome]) -> list[str]:
    return [json.dumps(vars(outcome)) for outcome in outcomes]


@settings(max_examples=200, deadline=None)
@given(batches_of_messages())
def test_however_messages_are_cut_into_batches_the_contract_comes_out(batches: list[list[Received]]) -> None:
    tables, model = Tables(), Model()
    for batch in batches:
        assert ordered([*process(tables, batch)]) == ordered(model.run(batch))
    assert tables.products == model.versions
    for order_id, order in model.orders.items():
        for line in order.lines.values():
            row = tables.lines[order_id, line.index]
            assert (row.status, row.batch_ref) == (line.status, line.batch_ref)


@settings(max_examples=50, deadline=None)
@given(batches_of_messages())
def test_versions_of_a_sku_are_gapless_and_a_line_is_somewhere_once(batches: list[list[Received]]) -> None:
    tables = Tables()
    events = [e for batch in batches for outcome in process(tables, batch) for e in outcome.events]
    for sku in {e["sku"] for e in events}:
        versions = [e["version"] for e in events if e["sku"] == sku and e["version"]]
        assert versions == [*range(1, len(versions) + 1)]
    holding: set[tuple[str, int]] = set()
    for e in events:
        if e["type"] == "line.allocated":
            assert (e["order_id"], e["line"]) not in holding
            holding.add((e["order_id"], e["line"]))
        elif e["type"] == "line.deallocated":
            holding.remove((e["order_id"], e["line"]))
