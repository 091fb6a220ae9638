"""Role `projector`: stock is kept in Redis, for reading. Yours."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from python_app_template.adapters.secondary.kafka.following import KafkaFollowed, followed
from python_app_template.adapters.secondary.postgres.stock.views import PostgresStockViews
from python_app_template.adapters.secondary.postgres.stock.whole import PostgresStockSnapshot
from python_app_template.adapters.secondary.redis import checks as redis_checks
from python_app_template.adapters.secondary.redis.connection import connected
from python_app_template.adapters.secondary.redis.stock.copy import RedisStockCopy
from python_app_template.adapters.wire.published import decode
from python_app_template.core.domain.events import Event
from python_app_template.core.ports.checks import Check
from python_app_template.core.use_cases.project_stock import ProjectStock
from python_app_template.core.use_cases.rebuild_stock import RebuildStock
from python_app_template.lifecycle import Part
from python_app_template.monitoring.copied import PROJECTOR, WatchedCopy, WatchedFollowed, WatchedSnapshot, Watcher
from python_app_template.monitoring.copy_failing import failing_copy
from python_app_template.world import World


@asynccontextmanager
async def open_projector(world: World) -> AsyncIterator[Sequence[Part]]:
    """Follow `allocations` from where the copy stands, and keep it up to date."""
    settings, clock = world.settings, world.monitoring.clock
    watcher = Watcher(world.monitoring)
    watch, topic, limit = watcher.watch, settings.kafka.output_topic, settings.redis.batch_events
    tables = PostgresStockViews(world.engine)
    snapshot = WatchedSnapshot(PostgresStockSnapshot(world.engine), watch)
    following: AbstractAsyncContextManager[KafkaFollowed[Event]] = followed(settings, topic, decode, limit, world.admin)
    async with connected(settings.redis) as client, following as events:
        copy = WatchedCopy(failing_copy(RedisStockCopy(client, settings.redis), world.failpoints), watcher)
        log = WatchedFollowed(events, watch)
        rebuild = RebuildStock(log, copy, snapshot, tables, clock, watcher.saw)
        project = ProjectStock(
            log, copy, tables, rebuild, world.pause, clock, watcher.saw, watcher.looked, watcher.rebuilding
        )
        yield [Part(PROJECTOR, project, project.drain)]


def projector_checks(world: World) -> Sequence[Check]:
    """Redis is there, and throws nothing away."""
    return redis_checks.checks(world.settings.redis, needed=True)
