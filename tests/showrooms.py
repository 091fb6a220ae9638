"""A shop that is told what happens, and shows its orders and stock: in memory and in Postgres."""

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.stock.views import PostgresOrderViews, PostgresStockViews
from python_app_template.core.delivery.messages import Refused
from python_app_template.core.domain.stock import Stock
from python_app_template.core.ports.views import OrderViews, StockViews
from python_app_template.service import SERVICE
from tests.builders import record
from tests.fakes.views import FakeOrderViews, FakeStockViews
from tests.shop import Body, Shop
from tests.worlds import empty, engine_on


class Showroom(ABC):
    """Whoever shows stock elsewhere brings a showroom of its own: `send` returns once what was sent is shown."""

    stock: StockViews

    @abstractmethod
    async def send(self, *bodies: Body) -> None:
        """Let these messages be applied, and wait until what came of them is shown."""


class OrderShowroom(Showroom):
    """Shows orders as well."""

    orders: OrderViews


class InMemory(OrderShowroom):
    orders: FakeOrderViews
    stock: FakeStockViews

    def __init__(self) -> None:
        self.held = Stock()
        self.orders, self.stock = FakeOrderViews(self.held), FakeStockViews(self.held)

    async def send(self, *bodies: Body) -> None:
        for body in bodies:
            content = SERVICE.decode(record(0, value=json.dumps(body).encode())).content
            assert not isinstance(content, Refused)
            SERVICE.decide(content, self.held)


class InPostgres(OrderShowroom):
    """One transaction for all that is sent together."""

    def __init__(self, engine: AsyncEngine, shop: Shop) -> None:
        self.engine, self._shop = engine, shop
        self.orders, self.stock = PostgresOrderViews(engine), PostgresStockViews(engine)

    async def send(self, *bodies: Body) -> None:
        await self._shop.send(*bodies)


@asynccontextmanager
async def showroom_at(url: str | None) -> AsyncIterator[OrderShowroom]:
    """An empty showroom: in this database, or in memory."""
    if url is None:
        yield InMemory()
        return
    async with engine_on(url) as engine:
        await empty(engine)
        yield InPostgres(engine, await Shop(engine).claim())
