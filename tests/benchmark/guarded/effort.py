"""What Python does for a message in decode, decide and encode: calls, instructions, memory kept, memory at the peak.

Run as a process of its own, with `PYTHONHASHSEED=0`; prints JSON. Nothing of it depends on a clock.
"""

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from itertools import islice
from types import FrameType, TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar

from python_app_template.adapters.secondary.postgres.outbox import Format, PostgresOutbox
from python_app_template.core.delivery.messages import Batch, DeadLetter, Fact, Message, Partition, Record, Span
from python_app_template.core.delivery.positions import Position
from python_app_template.core.domain.commands import Command
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.product import Batch as StockBatch
from python_app_template.core.domain.product import Product
from python_app_template.core.domain.stock import Stock, Wanted
from python_app_template.core.ports.unit_of_work import Outbox, Repository, UnitOfWork
from python_app_template.core.use_cases.process_batch import ProcessBatch
from python_app_template.service import SERVICE
from tests.benchmark.guarded.messages import BLOCK, Block, Sent, mixed, orders, stock
from tests.fakes.clock import FakeClock

T = TypeVar("T")

BLOCKS: Final = 4
"""The first one warms up: what is imported late, remembered or made once is none of a message's effort."""

INPUT: Final = Partition("raw-push", 0)
FORM: Final = Format(SERVICE.encode, "allocations", "raw-push.dlq", "python-app-template", "0", 4 * 2**20, 2**20)
NOW: Final = 1_893_501_015.123456

LOADS: Final[dict[str, Callable[[int], Iterator[Block]]]] = {"orders": orders, "mixed": mixed}

Gauge: TypeAlias = Callable[[Callable[[], Any]], tuple[Any, int]]
"""Runs work; returns its result and how much of something that took."""


class Held(UnitOfWork[Event, Wanted, Stock], Repository[Wanted, Stock], Outbox[Event]):
    """A transaction on stock in memory that is never rolled back: what is measured is what is decided."""

    def __init__(self, held: Stock) -> None:
        self._stock = held
        self.store = self.outbox = self
        self.facts: list[Fact[Event]] = []
        self.dead_letters: list[DeadLetter] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def advance(self, spans: Sequence[Span]) -> Sequence[Position]:  # noqa: ARG002 - all are ours
        return ()

    async def load(self, wanted: Wanted) -> Stock:  # noqa: ARG002 - all is loaded
        return self._stock

    def put(self, facts: Sequence[Fact[Event]], dead_letters: Sequence[DeadLetter]) -> None:
        self.facts += facts
        self.dead_letters += dead_letters

    async def commit(self) -> None:
        pass


class Bench:
    """All blocks of a load, taken through the three steps one after the other, each step under a gauge."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        self._held = Held(_stock())
        self._process = ProcessBatch(lambda: self._held, SERVICE.want, SERVICE.decide, FakeClock(NOW))

    def run(self, gauge: Gauge) -> dict[str, float]:
        """Return what each step took, per message, after the first block."""
        took = dict.fromkeys(("decode", "decide", "encode"), 0)
        for number, block in enumerate(self._blocks):
            records = [_record(number * BLOCK + place, sent) for place, sent in enumerate(block)]
            messages, decoding = gauge(partial(_decode, records))
            done, deciding = gauge(partial(self._decide, messages, number))
            rows, encoding = gauge(self._encode)
            if number:
                took["decode"] += decoding
                took["decide"] += deciding
                took["encode"] += encoding
            del messages, done, rows
            self._held.facts, self._held.dead_letters = [], []
        return {step: amount / (BLOCK * (len(self._blocks) - 1)) for step, amount in took.items()}

    def _decide(self, messages: Sequence[Message[Command]], number: int) -> object:
        span = Span(INPUT, 1, number * BLOCK, (number + 1) * BLOCK)
        return _to_its_end(self._process(Batch(messages, [span])))

    def _encode(self) -> object:
        outbox = PostgresOutbox[Event](None, FORM)  # type: ignore[arg-type] # nothing is written
        outbox.put(self._held.facts, self._held.dead_letters)
        outbox.pack()
        return outbox


def calls(work: Callable[[], T]) -> tuple[T, int]:
    """Count calls of Python's functions and of C's, and each time that a generator goes on."""
    count = 0

    def called(_frame: FrameType, what: str, _argument: object) -> None:
        nonlocal count
        if what in {"call", "c_call"}:
            count += 1

    sys.setprofile(called)
    try:
        return work(), count
    finally:
        sys.setprofile(None)


def instructions(work: Callable[[], T]) -> tuple[T, int]:
    """Count the instructions of Python's own code: what is no call of a function, to make an object say, shows here."""
    count = 0

    def traced(frame: FrameType, what: str, _argument: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += what == "opcode"
        return traced

    sys.settrace(traced)
    try:
        return work(), count
    finally:
        sys.settrace(None)


def blocks_kept(work: Callable[[], T]) -> tuple[T, int]:
    """Count the blocks of memory, of up to 512 bytes each, that the result keeps."""
    before = sys.getallocatedblocks()
    result = work()
    return result, sys.getallocatedblocks() - before


def peak_bytes(work: Callable[[], T]) -> tuple[T, int]:
    """Measure how much more memory was in use at the peak than at the beginning."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    result = work()
    return result, tracemalloc.get_traced_memory()[1] - before


@contextmanager
def traced() -> Iterator[None]:
    """Keep account of what is allocated."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def measure() -> dict[str, float]:
    """Return all figures, per message; each gauge has stock of its own, equal to the others'."""
    figures: dict[str, float] = {}
    for load, made in LOADS.items():
        blocks = list(islice(made(BLOCKS), BLOCKS))
        Bench(blocks).run(lambda work: (work(), 0))
        gauges: dict[str, Gauge] = {"calls": calls, "instructions": instructions, "blocks kept": blocks_kept}
        found = {what: Bench(blocks).run(gauge) for what, gauge in gauges.items()}
        with traced():
            found["bytes at the peak"] = Bench(blocks).run(peak_bytes)
        figures |= {
            f"{load}/{step}/{what} per message": value for what, steps in found.items() for step, value in steps.items()
        }
    return figures


def _decode(records: Sequence[Record]) -> list[Message[Command]]:
    return [SERVICE.decode(record) for record in records]


def _to_its_end(work: Coroutine[Any, Any, T]) -> object:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something")


def _record(offset: int, sent: Sent) -> Record:
    return Record(INPUT, offset, 1_893_456_000_000, sent.key, sent.value)


def _stock() -> Stock:
    held = Stock()
    for sent in stock():
        body = json.loads(sent.value)
        eta = date.fromisoformat(body["eta"]) if body["eta"] else None
        batch = StockBatch(body["batch_ref"], body["sku"], eta, body["qty"], body["qty"])
        held.batches[batch.batch_ref] = batch
        held.products.setdefault(batch.sku, Product(batch.sku)).add(batch)
    return held


if __name__ == "__main__":
    gc.collect()
    gc.disable()
    json.dump(measure(), sys.stdout)
