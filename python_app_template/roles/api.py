"""Role `api`: REST and GraphQL, answered from the tables; every write is a message. YOURS."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from python_app_template.adapters.primary import graphql
from python_app_template.adapters.primary.graphql.context import Services
from python_app_template.adapters.primary.rest.handlers import Handlers, Views
from python_app_template.adapters.primary.rest.operations import OPERATIONS, openapi
from python_app_template.adapters.primary.web import documentation
from python_app_template.adapters.primary.web.application import application
from python_app_template.adapters.primary.web.guard import guard
from python_app_template.adapters.primary.web.waiting import Waiting
from python_app_template.adapters.primary.writes import Writes
from python_app_template.adapters.secondary.kafka.message_log import KafkaMessageLog
from python_app_template.adapters.secondary.postgres import commands
from python_app_template.adapters.secondary.postgres.engine import create_reader
from python_app_template.adapters.secondary.postgres.stock.batch_views import PostgresBatchViews
from python_app_template.adapters.secondary.postgres.stock.views import PostgresOrderViews, PostgresStockViews
from python_app_template.core.access import rules
from python_app_template.core.delivery.commands import CommandIds
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.checks import Check
from python_app_template.core.ports.views import StockViews
from python_app_template.core.use_cases.admit import Admit
from python_app_template.core.use_cases.follow_commands import FollowCommands
from python_app_template.core.use_cases.submit_message import SubmitMessage
from python_app_template.lifecycle import Part, repeating
from python_app_template.roles.access import access_checks, open_access
from python_app_template.roles.graphql import open_graphql
from python_app_template.roles.stock_views import open_stock_views, stock_checks
from python_app_template.world import VERSION, World

SECRET_BYTES = 32
LOOK_EVERY = 1.0
"""Seconds between two looks at the input topic's id."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Desk(NamedTuple):
    """What every way of asking works with."""

    admit: Admit
    writes: Writes
    waiting: Waiting
    ids: CommandIds
    views: Views


@asynccontextmanager
async def open_api(world: World) -> AsyncIterator[Sequence[Part]]:
    """Serve it beside health and metrics, until the block is left."""
    access, reader = (
        open_access(world, rules.POLICY),
        create_reader(world.settings.database, world.settings.service_name),
    )
    message_log = KafkaMessageLog(world.settings)
    follow = FollowCommands(
        commands.PostgresCommandLog(reader, world.settings.kafka.input_topic), world.settings.api.max_waiting
    )
    waiting = Waiting(follow, world.pause)
    ids = CommandIds(await _secret(world), await _patiently(world, _topic_id(world)))
    async with AsyncExitStack() as opened:
        opened.push_async_callback(reader.dispose)
        stock = await opened.enter_async_context(open_stock_views(world, PostgresStockViews(reader)))
        desk = _desk(world, reader, access.admit, message_log, waiting, ids, stock)
        services = Services(desk.views.orders, desk.views.stock, desk.writes, waiting, ids, access.admit)
        asked = await opened.enter_async_context(open_graphql(world, services))
        world.mount(_application(world, desk, {"/graphql": asked.endpoint}))
        try:
            yield [
                asked.part,
                Part("commands", waiting.run, waiting.drain),
                Part("message log", message_log.run, message_log.drain),
                repeating("input topic's id", _watch(world, ids), LOOK_EVERY),
                *access.parts,
            ]
        finally:
            message_log.close()


def api_checks(world: World) -> Sequence[Check]:
    """What only this role wants looked at."""
    kafka = world.settings.kafka
    return [
        *commands.checks(world.engine, kafka.input_topic, kafka.group_id),
        *access_checks(world),
        *stock_checks(world),
    ]


def _desk(
    world: World,
    reader: AsyncEngine,
    admit: Admit,
    message_log: KafkaMessageLog,
    waiting: Waiting,
    ids: CommandIds,
    stock: StockViews,
) -> Desk:
    orders, tables = PostgresOrderViews(reader), PostgresStockViews(reader)
    writes = Writes(
        SubmitMessage(message_log, ids),
        waiting,
        world.monitoring.clock,
        orders,
        tables,
        PostgresBatchViews(reader),
    )
    return Desk(admit, writes, waiting, ids, Views(orders, stock, tables))


def _application(world: World, desk: Desk, beside: Mapping[str, ASGIApp]) -> ASGIApp:
    settings = world.settings
    handlers = Handlers(desk.writes, desk.views, desk.waiting, desk.ids, desk.admit)
    described = openapi(settings.service_name, VERSION)
    routes = [operation.route(handlers) for operation in OPERATIONS]
    routes.append(documentation.openapi_route(described, rules.SEE_OPENAPI))
    if settings.shows_docs:
        routes += documentation.page_routes(rules.SEE_DOCS)
        routes += documentation.page_routes(rules.SEE_DOCS, "/graphiql", graphql.__name__)
    return application(
        routes,
        guard(desk.admit),
        max_body_bytes=settings.api.max_body_bytes,
        beside=beside,
        cors_origins=settings.api.cors_origins,
        trusted_proxies=settings.api.trusted_proxies,
    )


async def _secret(world: World) -> bytes:
    given = world.settings.auth.command_secret
    if given is not None:
        return given.get_secret_value().encode()
    made = secrets.token_bytes(SECRET_BYTES)
    return await _patiently(world, lambda: commands.command_secret(world.engine, made))


def _topic_id(world: World) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        return (await world.admin.topic(world.settings.kafka.input_topic)).id

    return ask


def _watch(world: World, ids: CommandIds) -> Callable[[], Awaitable[None]]:
    """Ids of a topic that was made anew are those of other places: the old ones are worth nothing."""
    ask = _topic_id(world)

    async def look() -> None:
        try:
            ids.topic_id = await ask()
        except TransientError:
            return  # asked again in a moment; the observer of the broker tells of it

    return look


async def _patiently(world: World, ask: Callable[[], Awaitable[T]]) -> T:
    tries = 0
    while True:
        try:
            return await ask()
        except TransientError as fault:  # it was there a moment ago
            log.warning("dependency.away", operation="start", error=f"{fault}", code=fault.code)
            tries += 1
            await world.pause(tries)
