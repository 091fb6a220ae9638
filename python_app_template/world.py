"""What all roles of a process share. No domain in it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.core.use_cases.backoff import Backoff
from python_app_template.monitoring.failpoints import Failpoints
from python_app_template.monitoring.monitoring import Monitoring
from python_app_template.settings import Settings, failpoints

VERSION = version("python-app-template")


def nowhere(_: ASGIApp) -> None:
    """Serve it nowhere: a command of the operator opens no port."""


@dataclass(frozen=True, slots=True)
class World:
    """What all parts share. No domain in it."""

    settings: Settings
    monitoring: Monitoring
    engine: AsyncEngine
    admin: KafkaAdmin
    committed: asyncio.Event
    """Set by a commit that has something to publish."""
    pause: Backoff
    mount: Callable[[ASGIApp], None]
    """Puts a role's application on the port, beside health and metrics."""
    failpoints: Failpoints
    """Empty unless somebody asks for faults; then nothing is wrapped."""


@asynccontextmanager
async def connect(
    settings: Settings, monitoring: Monitoring, mount: Callable[[ASGIApp], None] = nowhere
) -> AsyncIterator[World]:
    """Open the adapters that all parts share; nothing is connected before it is used."""
    engine = create_engine(settings.database, settings.service_name)
    retry = settings.retry
    pause = Backoff(monitoring.clock, first=retry.first_seconds, longest=retry.longest_seconds)
    points = Failpoints(failpoints.parse(settings.failpoints.points), settings.failpoints.seed)
    try:
        yield World(settings, monitoring, engine, KafkaAdmin(settings), asyncio.Event(), pause, mount, points)
    finally:
        await engine.dispose()
