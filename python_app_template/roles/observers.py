"""What looks on in every process, and decides nothing."""

from collections.abc import Callable
from functools import partial

from python_app_template.adapters.secondary.postgres import outbox
from python_app_template.lifecycle import Part, repeating
from python_app_template.world import World

LOOK_EVERY = 1.0
"""Seconds between two looks at what no call shows by itself."""


def observers(world: World, leads: Callable[[], bool]) -> list[Part]:
    """What looks on: the event loop's heartbeat, and whether an idle service's ways are free."""
    observer, kafka = world.monitoring.observer, world.settings.kafka

    async def beat() -> None:
        observer.beat("event loop")

    async def look_at_database() -> None:
        await observer.look_at_database(partial(outbox.pending, world.engine), leads=leads)

    async def look_at_broker() -> None:
        await observer.look_at_broker(partial(world.admin.topics, [kafka.input_topic]))

    looks = {"heartbeat": beat, "database observer": look_at_database, "broker observer": look_at_broker}
    return [repeating(name, look, LOOK_EVERY) for name, look in looks.items()]
