"""A peer as a side of the contest: programs that share a database and a consumer group, and what they are judged by."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, insert, make_url, text

from tests.benchmark import load
from tests.benchmark.peers import evidence
from tests.benchmark.peers.judgement import Batch, Line, Promise, Result, judge
from tests.benchmark.peers.processes import Program, started
from tests.benchmark.peers.tables import Base, Product
from tests.benchmark.peers.tables import Batch as BatchRow
from tests.benchmark.sides import Grounds, Side


class Peer(Side):
    """The form of a peer says which programs; serial as people write it, or at its best."""

    metadata: MetaData = Base.metadata
    lines_in_tables = "SELECT order_id, line, sku, qty, batch_ref FROM order_lines"
    batches_in_tables = "SELECT ref, sku, eta, purchased, allocated FROM batches"

    def __init__(self, *, name: str, guarantee: str, setup: str, programs: Sequence[Program], promise: Promise) -> None:
        self.name, self.guarantee, self.setup = name, guarantee, setup
        self.parts = [program.part for program in programs]
        self._programs = programs
        self._promise = promise

    def prepare(self, grounds: Grounds) -> None:
        with opened(grounds) as engine, engine.begin() as connection:
            self.metadata.create_all(connection)
            self.fill(connection, list(stock()))

    def fill(self, connection: Connection, stocked: Sequence[Batch]) -> None:
        """Put the stock into the tables."""
        connection.execute(insert(Product), [{"sku": sku, "version": 0} for sku in sorted({b.sku for b in stocked})])
        connection.execute(insert(BatchRow), [batch._asdict() for batch in stocked])

    @contextmanager
    def running(self, grounds: Grounds) -> Iterator[Sequence[int]]:
        with ExitStack() as life:
            all_ = [life.enter_context(started(program, grounds, n)) for n, program in enumerate(self._programs)]
            yield [running.process.pid for running in all_]
            for running in all_:
                running.ask_to_stop()

    def violations(self, grounds: Grounds, orders: int) -> list[str]:
        ordered, told = evidence.ordered(grounds), list(evidence.told(grounds))
        with opened(grounds) as engine, engine.connect() as connection:
            result = Result(
                ordered=ordered,
                consumed=evidence.consumed(grounds),
                lines=[Line(*row) for row in connection.execute(text(self.lines_in_tables))],
                batches=[Batch(*row) for row in connection.execute(text(self.batches_in_tables))],
                events=[event.as_line() for event in told],
                versions=[(event.sku, event.version) for event in told],
                pending=self.pending(connection),
            )
        sent = [] if len(ordered) == orders else [f"{len(ordered)} orders are in the input, {orders} were sent"]
        return sent + judge(result, self._promise)

    def pending(self, _connection: Connection) -> Sequence[Line]:
        """Events that are kept to be published."""
        return []


def stock() -> Iterator[Batch]:
    """All that there is to allocate."""
    for made in load.batches():
        fields: dict[str, Any] = dict(made)
        eta = date.fromisoformat(fields["eta"]) if fields["eta"] else None
        yield Batch(fields["batch_ref"], fields["sku"], eta, fields["qty"], 0)


@contextmanager
def opened(grounds: Grounds) -> Iterator[Engine]:
    """Connect to the database from outside."""
    engine = create_engine(make_url(grounds.database).set(drivername="postgresql+psycopg"))
    yield engine
    engine.dispose()
