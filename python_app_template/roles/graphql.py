"""GraphQL beside REST: the same desk, and one reader of the events for all subscriptions. Yours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from python_app_template.adapters.primary.broadcast import Broadcast
from python_app_template.adapters.primary.graphql.context import Services
from python_app_template.adapters.primary.graphql.endpoint import Endpoint
from python_app_template.adapters.primary.graphql.execution import Execution
from python_app_template.adapters.primary.graphql.heard import decode
from python_app_template.adapters.primary.graphql.house import Room
from python_app_template.adapters.primary.graphql.limits import Limits
from python_app_template.adapters.primary.graphql.schema import build
from python_app_template.adapters.primary.graphql.websocket import WebSockets
from python_app_template.adapters.secondary.kafka.following import followed
from python_app_template.adapters.wire.events import Body
from python_app_template.lifecycle import Part
from python_app_template.monitoring.subscriptions import SubscriptionMetrics
from python_app_template.world import World

EVENTS_AT_A_TIME = 1000
"""That one look at the log brings at most."""


class GraphQL(NamedTuple):
    """What answers, and what has to run for it."""

    endpoint: Endpoint
    part: Part


@asynccontextmanager
async def open_graphql(world: World, services: Services) -> AsyncIterator[GraphQL]:
    """Open it; the events are read once somebody wants to hear of them."""
    settings, bounds, clock = world.settings, world.settings.graphql, world.monitoring.clock
    limits = Limits(bounds.max_depth, bounds.max_tokens, bounds.max_cost)
    execution = Execution(build(services.admit.policy), limits, introspection=settings.shows_docs)
    room = Room(bounds.max_subscriptions, bounds.max_subscriptions, bounds.max_body_bytes)
    topic, metrics = settings.kafka.output_topic, SubscriptionMetrics(world.monitoring.metrics.registry)
    async with followed(settings, topic, decode, EVENTS_AT_A_TIME, world.admin) as log:
        events = Broadcast[Body](
            log, clock, world.pause, bounds.subscription_events, lambda why: metrics.ended(why.reason)
        )
        metrics.shows(lambda: events.listening)
        websockets = WebSockets(execution, services, events, clock, room, settings.api.cors_origins)
        endpoint = Endpoint(execution, services, websockets, bounds.max_body_bytes)
        yield GraphQL(endpoint, Part("subscriptions", lambda: _run(events, websockets), websockets.drain))


async def _run(events: Broadcast[Body], websockets: WebSockets) -> None:
    reading, closed = asyncio.create_task(events.run()), asyncio.create_task(websockets.closed())
    try:
        await asyncio.wait({reading, closed}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
    finally:
        reading.cancel()
        closed.cancel()
