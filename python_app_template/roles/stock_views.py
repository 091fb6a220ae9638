"""Where stock is read from, as the settings say. Yours."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from prometheus_client import Counter

from python_app_template.adapters.secondary.redis import checks as redis_checks
from python_app_template.adapters.secondary.redis.connection import connected
from python_app_template.adapters.secondary.redis.stock.views import RedisStockViews
from python_app_template.core.delivery.circuit import Circuit
from python_app_template.core.ports.checks import Check
from python_app_template.core.ports.views import StockViews
from python_app_template.core.use_cases.read_stock import ReadStock
from python_app_template.world import World

REST_SECONDS = 1.0
"""After a Redis that did not answer, so long nobody asks it."""


@asynccontextmanager
async def open_stock_views(world: World, tables: StockViews) -> AsyncIterator[StockViews]:
    """Open what reads stock; from Redis, with the tables behind it, where APP_VIEWS__BACKEND says so."""
    settings = world.settings
    if settings.views.backend == "postgres":
        yield tables
        return
    metrics = world.monitoring.metrics
    reads = Counter(
        "app_view_reads", "Reads of stock, by who answered and why.", ["backend", "why"], registry=metrics.registry
    )
    reads.labels("redis", "")

    def saw(why: str) -> None:
        reads.labels("postgres" if why else "redis", why).inc()

    async with connected(settings.redis) as client:
        copy = RedisStockViews(client, settings.redis)
        yield ReadStock(copy, tables, Circuit(REST_SECONDS), world.monitoring.clock, saw)


def stock_checks(world: World) -> Sequence[Check]:
    """What a process that reads stock wants looked at."""
    if world.settings.views.backend == "postgres":
        return ()
    return redis_checks.checks(world.settings.redis, needed=False)
