"""A shop whose stock is shown from a copy in Redis: decided in memory, published to a log in memory, followed."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

from redis.asyncio import Redis

from python_app_template.adapters.secondary.redis.connection import connected
from python_app_template.adapters.secondary.redis.stock.copy import RedisStockCopy
from python_app_template.adapters.secondary.redis.stock.views import RedisStockViews
from python_app_template.adapters.wire.published import decode
from python_app_template.core.delivery.messages import Fact, Refused
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.stock import Stock
from python_app_template.core.domain.views import StockView
from python_app_template.core.ports.stock_copy import StockSnapshot
from python_app_template.core.use_cases.follow_stock import FollowStock, Step
from python_app_template.core.use_cases.rebuild_stock import RebuildStock
from python_app_template.service import SERVICE
from python_app_template.settings import RedisSettings, load
from tests.builders import record
from tests.fakes.clock import FakeClock
from tests.fakes.following import FakeFollowed, FakeLog
from tests.fakes.views import FakeStockViews
from tests.shop import Body
from tests.showrooms import Showroom


def redis_settings(url: str, **more: object) -> RedisSettings:
    """Settings that lead there, with a prefix of their own."""
    given = {f"redis.{name}": value for name, value in more.items()}
    return load({"redis.url": url, "redis.prefix": f"test-{uuid4().hex[:12]}", **given}).redis


class FakeSnapshot(StockSnapshot):
    """Pages of one SKU each."""

    def __init__(self, tables: FakeStockViews) -> None:
        self._tables = tables

    async def pages(self) -> AsyncIterator[Sequence[StockView]]:
        stock = await self._tables.stock(list(self._tables.stock_in_hand.products))
        for view in stock.values():
            yield [view]


class Counter:
    """Sums up what was done to a copy."""

    def __init__(self) -> None:
        self.applied = self.dropped = self.reloaded = 0

    def __call__(self, step: Step) -> None:
        self.applied += step.applied
        self.dropped += step.dropped
        self.reloaded += step.reloaded


class InRedis(Showroom):
    """What is sent is decided and published at once, and taken into the copy before it is shown."""

    def __init__(self, client: Redis, settings: RedisSettings) -> None:
        self.client, self.settings = client, settings
        self.held, self.log, self.clock = Stock(), FakeLog(), FakeClock()
        self.tables = FakeStockViews(self.held)
        self.stock = RedisStockViews(client, settings)
        self.copy = RedisStockCopy(client, settings)
        self.followed, self.counted = FakeFollowed(self.log), Counter()
        self.following: FollowStock | None = None

    def decide(self, *bodies: Body) -> list[Event]:
        """Apply messages to the tables alone; what is to be published goes through its format."""
        decided: list[Event] = []
        for number, body in enumerate(bodies):
            message = SERVICE.decode(record(number, value=json.dumps(body).encode()))
            assert not isinstance(message.content, Refused)
            outcome = SERVICE.decide(message.content, self.held)
            assert isinstance(outcome, list), outcome
            facts = [Fact(event, message.record, datetime.now(UTC)) for event in outcome]
            for frame in SERVICE.encode(facts, "allocations", "test"):
                published = decode(frame.value or b"")
                decided += [] if published is None else [published]
        return decided

    async def send(self, *bodies: Body) -> None:
        self.log.publish(self.decide(*bodies))
        await self.catch_up()

    def rebuild(self, copy: RedisStockCopy | None = None) -> RebuildStock:
        return RebuildStock(
            FakeFollowed(self.log), copy or self.copy, FakeSnapshot(self.tables), self.tables, self.clock, self.counted
        )

    async def claim(self) -> None:
        """Become the projector, of a copy that is made anew where there is none."""
        standing = await self.copy.claim()
        assert standing is not None
        if standing.place is None:
            standing = await self.rebuild()()
        assert standing.generation is not None
        assert standing.place is not None
        await self.followed.start(standing.place)
        self.following = FollowStock(
            standing.generation, standing.place, self.followed, self.copy, self.tables, self.clock, self.counted
        )

    async def catch_up(self) -> None:
        """Take in all that is published."""
        if self.following is None:
            await self.claim()
        assert self.following is not None
        self.following.looked(self.clock.monotonic(), self.log.bounds)
        while not self.following.place.reaches(self.log.bounds.ends):
            await self.following.advance()


@asynccontextmanager
async def copied_at(url: str) -> AsyncIterator[InRedis]:
    """An empty showroom, whose stock is in this Redis."""
    settings = redis_settings(url)
    async with connected(settings) as client:
        showroom = InRedis(client, settings)
        await showroom.catch_up()
        yield showroom
        async for key in client.scan_iter(f"{settings.prefix}:*", count=1000):
            await client.unlink(key)
