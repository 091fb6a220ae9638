"""Stock, loaded once for a batch of commands and written back once. Yours."""

from collections.abc import Iterable
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncConnection

from python_app_template.adapters.secondary.postgres.repository import PostgresRepository
from python_app_template.adapters.secondary.postgres.stock import flush, load
from python_app_template.adapters.secondary.postgres.stock.available import load_batches
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.domain.order import Order, OrderLine
from python_app_template.core.domain.product import Batch, Product
from python_app_template.core.domain.stock import Stock, Wanted


class PostgresStock(PostgresRepository[Wanted, Stock]):
    """Remembers what it handed out as it was, so that flush() can tell what became of it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stock = Stock()
        self._versions: dict[str, int] = {}
        self._quantities: dict[str, tuple[int, int]] = {}
        self._lines: list[tuple[OrderLine, int]] = []
        self._orders: dict[str, bool] = {}
        self._numbers: dict[str, int] = {}

    async def load(self, wanted: Wanted) -> Stock:
        """As the port says: up the ladder of locks, rung by rung, then what they guard."""
        connection = self._connection
        self._numbers = await load.claim_orders(connection, wanted.placed)
        new_batches = await load.claim_batches(connection, wanted.created)
        named = await load.name_skus(connection, wanted.changed, wanted.cancelled)
        least = dict(wanted.skus) | dict.fromkeys(named.changed.values(), 1)
        self._versions = await load.lock_products(connection, least.keys() | set(chain(*named.cancelled.values())))

        orders = await load.load_orders(connection, (wanted.placed.keys() | wanted.cancelled) - self._numbers.keys())
        holders = _holders(orders[id_] for id_ in wanted.cancelled & orders.keys())
        refs = (wanted.changed.keys() | wanted.created.keys() | holders) - new_batches
        batches = await load_batches(
            connection,
            least,
            refs,
            changing=set(named.changed.values()),
            new=new_batches,
            lines=chain.from_iterable(order.lines for order in wanted.placed.values()),
        )
        changed = {ref: wanted.changed[ref] for ref in named.changed.keys() - new_batches}
        latest = await load.load_latest(connection, changed)
        late_batches = {b.batch_ref for b in batches} & (wanted.changed.keys() - named.changed.keys())
        late_orders = orders.keys() & (wanted.cancelled - named.cancelled.keys())
        if forgotten := wanted.placed.keys() - self._numbers.keys() - orders.keys():
            raise TransientError(f"{len(forgotten)} orders that were known are forgotten", code="raced")
        if late_batches or late_orders:
            raise TransientError("what is to be changed came while its SKU was not locked yet", code="raced")

        self._quantities = {ref: (wanted.created[ref].qty, 0) for ref in new_batches}
        self._assemble(batches, orders, latest)
        return self._stock

    async def flush(self) -> None:
        """As the port says."""
        connection, stock = self._connection, self._stock
        products = [p for p in stock.products.values() if p.version != self._versions[p.sku]]
        batches = [b for b in stock.batches.values() if (b.purchased, b.allocated) != self._quantities[b.batch_ref]]
        new_orders = [(self._numbers[id_], order) for id_, order in stock.orders.items() if id_ in self._numbers]
        new_lines = [(number, line) for number, order in new_orders for line in order.lines]
        lines = [line for line, version in self._lines if line.version != version]
        await flush.write(connection, products, batches, new_lines)
        await flush.update_lines(connection, lines)
        await flush.cancel_orders(
            connection, (id_ for id_, order in stock.orders.items() if order.cancelled and not self._orders.get(id_))
        )
        await flush.drop_placeholders(
            connection, (s for s, v in self._versions.items() if not v and s not in stock.products)
        )

    def _assemble(self, batches: Iterable[Batch], orders: dict[str, Order], latest: Iterable[OrderLine]) -> None:
        """Hand each object out once, wherever it stands, and note how it was."""
        by_sku: dict[str, list[Batch]] = {sku: [] for sku, version in self._versions.items() if version}
        for batch in batches:
            self._quantities[batch.batch_ref] = (batch.purchased, batch.allocated)
            self._stock.batches[batch.batch_ref] = batch
            if batch.sku in by_sku:  # else it is there only to be compared with one that has its reference
                by_sku[batch.sku].append(batch)
        lines = {(line.order_id, line.line): line for order in orders.values() for line in order.lines}
        for line in latest:
            same = lines.setdefault((line.order_id, line.line), line)
            if same.batch_ref is not None:
                self._stock.batches[same.batch_ref].latest.append(same)
        self._stock.products = {sku: Product(sku, self._versions[sku], held) for sku, held in by_sku.items()}
        self._stock.orders = orders
        self._orders = {id_: order.cancelled for id_, order in orders.items()}
        self._lines = [(line, line.version) for line in lines.values()]


def _holders(orders: Iterable[Order]) -> set[str]:
    """Return the batches that hold lines of these orders."""
    return {line.batch_ref for order in orders for line in order.lines if line.batch_ref is not None}
