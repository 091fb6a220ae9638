"""Orders and stock as people are shown them, from a stock in memory."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from python_app_template.core.domain.order import Order, OrderLine
from python_app_template.core.domain.product import preference
from python_app_template.core.domain.stock import Stock
from python_app_template.core.domain.views import BatchView, LineView, OrderView, StockView
from python_app_template.core.ports.views import BatchViews, OrderViews, Page, StockViews, Window

T = TypeVar("T")


@dataclass
class FakeOrderViews(OrderViews):
    """`asked` counts how often somebody asked."""

    stock: Stock
    asked: int = 0

    async def orders(self, order_ids: Collection[str]) -> Mapping[str, OrderView]:
        self.asked += 1
        return {id_: self._show(self.stock.orders[id_]) for id_ in order_ids if id_ in self.stock.orders}

    async def page(self, window: Window, customer_id: str | None = None) -> Page[OrderView]:
        self.asked += 1
        orders = self.stock.orders.values()
        return _cut(
            {o.placed.order_id: self._show(o) for o in orders if customer_id in {None, o.placed.customer_id}}, window
        )

    def _show(self, order: Order) -> OrderView:
        placed, status = order.placed, "cancelled" if order.cancelled else "placed"
        lines = tuple(self._line(line) for line in order.lines)
        return OrderView(placed.order_id, placed.customer_id, placed.placed_at, status, lines)

    def _line(self, line: OrderLine) -> LineView:
        eta = self.stock.batches[line.batch_ref].eta if line.batch_ref else None
        return LineView(line.line, line.sku, line.qty, line.status.value, line.batch_ref, eta)


@dataclass
class FakeStockViews(StockViews):
    """`asked` counts how often somebody asked."""

    stock_in_hand: Stock
    asked: int = 0

    async def stock(self, skus: Collection[str]) -> Mapping[str, StockView]:
        self.asked += 1
        return {sku: self._show(sku) for sku in skus if sku in self.stock_in_hand.products}

    async def page(self, window: Window) -> Page[StockView]:
        self.asked += 1
        return _cut({sku: self._show(sku) for sku in self.stock_in_hand.products}, window)

    def _show(self, sku: str) -> StockView:
        held = sorted((b for b in self.stock_in_hand.batches.values() if b.sku == sku), key=preference)
        shown = tuple(BatchView(b.batch_ref, b.purchased, b.purchased - b.allocated, b.eta) for b in held)
        version = self.stock_in_hand.products[sku].version
        return StockView(sku, version, sum(batch.available for batch in shown), shown)


@dataclass
class FakeBatchViews(BatchViews):
    stock: Stock

    async def sku(self, batch_ref: str) -> str | None:
        batch = self.stock.batches.get(batch_ref)
        return None if batch is None else batch.sku


def _cut(items: Mapping[str, T], window: Window) -> Page[T]:
    keys = sorted(items)
    first = 0 if window.after is None else bisect_right(keys, window.after)
    end = len(keys) if window.before is None else bisect_left(keys, window.before)
    if window.backward:
        first = max(end - window.limit, min(first, end))
    else:
        end = min(first + window.limit, max(first, end))
    return Page(tuple(items[key] for key in keys[first:end]), first > 0, end < len(keys))
