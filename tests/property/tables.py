"""Tables in memory that hand out no more than `Wanted` names, and keep no more than what shows as changed.

So whatever a handler misses, or changes without its showing, is a failed property and not a surprise in SQL.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from python_app_template.core.domain.commands import PlaceOrder
from python_app_template.core.domain.order import LineStatus, Order, OrderLine
from python_app_template.core.domain.product import Batch, Product
from python_app_template.core.domain.stock import Stock, Wanted


@dataclass
class Tables:
    """Rows by key; what is handed out are copies."""

    products: dict[str, int] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    orders: dict[str, tuple[PlaceOrder, bool]] = field(default_factory=dict)
    lines: dict[tuple[str, int], OrderLine] = field(default_factory=dict)

    def load(self, wanted: Wanted) -> "Loaded":
        return Loaded(self, wanted)

    def lines_of(self, batch_ref: str) -> list[OrderLine]:
        """Latest first."""
        return sorted((x for x in self.lines.values() if x.batch_ref == batch_ref), key=lambda x: -x.version)

    def check(self) -> None:
        """What the schema's constraints and an audit would find."""
        for ref, batch in self.batches.items():
            assert 0 <= batch.allocated <= batch.purchased
            assert batch.allocated == sum(line.qty for line in self.lines_of(ref))
        assert all((line.status == "allocated") == (line.batch_ref is not None) for line in self.lines.values())


class Loaded:
    """The stock that was handed out, and how to write its difference."""

    def __init__(self, tables: Tables, wanted: Wanted) -> None:
        self._tables, self._wanted = tables, wanted
        self._lines: dict[tuple[str, int], OrderLine] = {}
        self._new_orders = {*wanted.placed} - {*tables.orders}
        self._new_batches = {*wanted.created} - {*tables.batches}
        self.stock = Stock(orders=self._load_orders())
        self._versions: dict[tuple[str, int], int] = {}
        self._load_batches()
        for key, line in self._lines.items():
            self._versions[key] = line.version

    def flush(self) -> None:
        tables, stock = self._tables, self.stock
        tables.products |= {p.sku: p.version for p in stock.products.values()}
        for ref, batch in stock.batches.items():
            tables.batches[ref] = replace(batch, latest=[])
        for order_id, order in stock.orders.items():
            tables.orders[order_id] = order.placed, order.cancelled
        # A new id is claimed by writing down what `Wanted` says of it, before anything is decided.
        for ref in self._new_batches:
            first = self._wanted.created[ref]
            row = tables.batches[ref]
            tables.batches[ref] = replace(row, sku=first.sku, created_qty=first.qty, eta=first.eta)
        for order_id in self._new_orders:
            tables.orders[order_id] = self._wanted.placed[order_id], stock.orders[order_id].cancelled
            tables.lines |= {(order_id, line.line): replace(line) for line in stock.orders[order_id].lines}
        for key, line in self._lines.items():
            if line.version != self._versions[key]:
                tables.lines[key] = replace(line)

    def _load_orders(self) -> dict[str, Order]:
        named = [i for i in {*self._wanted.placed, *self._wanted.cancelled} if i in self._tables.orders]
        orders = {}
        for order_id in named:
            placed, cancelled = self._tables.orders[order_id]
            lines = [self._line(order_id, index) for index in range(len(placed.lines))]
            orders[order_id] = Order(placed, lines, cancelled)
        return orders

    def _line(self, order_id: str, index: int) -> OrderLine:
        key = order_id, index
        return self._lines.setdefault(key, replace(self._tables.lines[key]))

    def _load_batches(self) -> None:
        wanted, rows = self._wanted, self._tables.batches
        changed = [ref for ref in wanted.changed if ref in rows]
        held = self._held_by_cancelled()
        skus = {*wanted.skus} | {rows[ref].sku for ref in [*changed, *held]}
        least = {**wanted.skus, **{rows[ref].sku: 1 for ref in changed}}
        fitting = [r for r, row in rows.items() if row.purchased - row.allocated >= least.get(row.sku, 10**12)]
        for ref in {*changed, *held, *fitting, *(ref for ref in wanted.created if ref in rows)}:
            self.stock.batches[ref] = replace(rows[ref], latest=[])
        for ref in changed:
            self.stock.batches[ref].latest = self._latest(ref)
        self.stock.products = {sku: self._product(sku) for sku in skus if sku in self._tables.products}

    def _held_by_cancelled(self) -> Iterable[str]:
        lines = [line for i in self._wanted.cancelled if i in self.stock.orders for line in self.stock.orders[i].lines]
        return [line.batch_ref for line in lines if line.status is LineStatus.ALLOCATED and line.batch_ref is not None]

    def _latest(self, ref: str) -> list[OrderLine]:
        excess = self._tables.batches[ref].allocated - self._wanted.changed[ref]
        latest: list[OrderLine] = []
        for line in self._tables.lines_of(ref):
            if excess <= 0:
                break
            latest.insert(0, self._line(line.order_id, line.line))
            excess -= line.qty
        return latest

    def _product(self, sku: str) -> Product:
        batches = [batch for batch in self.stock.batches.values() if batch.sku == sku]
        return Product(sku, self._tables.products[sku], batches)
