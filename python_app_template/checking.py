"""All that is looked at before the start: the checks of each adapter, and what would stand still afterwards."""

import asyncio
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka import checks as kafka_checks
from python_app_template.adapters.secondary.kafka import keeping
from python_app_template.adapters.secondary.kafka.logs import KafkaLogs, published
from python_app_template.adapters.secondary.postgres import checks as postgres_checks
from python_app_template.adapters.secondary.postgres import outbox
from python_app_template.adapters.secondary.postgres.moves import PostgresMoves
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.ports.checks import Check, CheckDoubtful
from python_app_template.core.ports.clock import Clock
from python_app_template.core.use_cases import foresee_halts
from python_app_template.core.use_cases.show_positions import ShowPositions
from python_app_template.settings import Settings


def checks(settings: Settings, revision: str, engine: AsyncEngine, admin: KafkaAdmin, clock: Clock) -> list[Check]:
    """Return them in the order in which they make sense; `revision` is the schema's that the domain needs."""
    roles = {role: role in settings.roles for role in ("worker", "relay")}
    return [
        Check("deadlines", partial(deadlines, settings)),
        *postgres_checks.checks(engine, revision, clock),
        *kafka_checks.checks(settings, admin),
        *keeping.checks(settings, admin),
        *foresee_halts.checks(show_positions(settings, engine, admin), **roles),
    ]


async def deadlines(settings: Settings) -> str:
    """One budget: a batch that may still be finished while stopping belongs to a member that is still one."""
    grace, interval = settings.drain.grace_seconds, settings.kafka.max_poll_interval_ms / 1000
    if grace >= interval:
        raise CheckDoubtful(
            f"the grace of {grace:g} s is not shorter than the poll interval of {interval:g} s",
            "lower APP_DRAIN__GRACE_SECONDS, or raise APP_KAFKA__MAX_POLL_INTERVAL_MS",
        )
    killed = settings.drain.killed_after_seconds
    return f"{grace:g} s to stop, {interval:g} s to poll" + (f", {killed:g} s to be killed" if killed else "")


def show_positions(settings: Settings, engine: AsyncEngine, admin: KafkaAdmin) -> ShowPositions:
    """Look at what is consumed and published, disturbing nobody."""
    kafka = settings.kafka

    async def look_at_cursor() -> Cursor | None:
        kept = await outbox.kept_transactional_id(engine)
        return None if kept is None else await published(settings, kept, admin)

    return ShowPositions(
        PostgresMoves(engine),
        KafkaLogs(admin),
        outbox.PostgresOutboxReader(
            engine, asyncio.Event(), page_bytes=settings.outbox.page_bytes, poll_seconds=1.0, idle_seconds=0
        ),
        look_at_cursor,
        group=kafka.group_id,
        consumed=kafka.input_topic,
        written=[kafka.output_topic, kafka.dead_letter_topic, kafka.positions_topic],
    )
