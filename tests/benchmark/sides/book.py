"""The allocation service of "Architecture Patterns with Python", a transaction for each line."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from tests.benchmark.peers.book import orm
from tests.benchmark.peers.judgement import Batch, Promise
from tests.benchmark.peers.processes import Program
from tests.benchmark.peers.side import Peer
from tests.benchmark.sides import Side

MODULE = "tests.benchmark.peers.book"
BATCH, PROCESSES = 100, 2


class Book(Peer):
    """Its own tables: who has which line is a table between batches and lines."""

    metadata = orm.mappers.metadata
    lines_in_tables = """
        SELECT line.orderid, line.number, line.sku, line.qty, batch.reference
        FROM order_lines line JOIN allocations ON orderline_id = line.id JOIN batches batch ON batch_id = batch.id
    """
    batches_in_tables = """
        SELECT reference, batch.sku, eta, _purchased_quantity, coalesce(sum(line.qty), 0)
        FROM batches batch LEFT JOIN allocations ON batch_id = batch.id LEFT JOIN order_lines line
          ON orderline_id = line.id
        GROUP BY batch.id
    """

    def fill(self, connection: Connection, stocked: Sequence[Batch]) -> None:
        connection.execute(insert(orm.products), [{"sku": sku} for sku in sorted({batch.sku for batch in stocked})])
        rows = [{"reference": b.ref, "sku": b.sku, "_purchased_quantity": b.purchased, "eta": b.eta} for b in stocked]
        connection.execute(insert(orm.batches), rows)


def form(name: str, setup: str, batch: int, processes: int) -> Side:
    """So many processes, and so many messages before acknowledgements are waited for."""
    variables = {"PEER_BATCH": str(batch), "PEER_GATHER": str(int(batch > 1))}
    return Book(
        name=name,
        guarantee="at least once, events may be lost or doubled",
        setup=setup,
        programs=[Program(f"worker {number}", MODULE, variables) for number in range(processes)],
        promise=Promise(in_hand=processes * batch),
    )


SIDES = (
    form("the book's service", "1 process, a line at a time", 1, 1),
    form("the book's service, best", f"{PROCESSES} processes, events of {BATCH} messages gathered", BATCH, PROCESSES),
)
