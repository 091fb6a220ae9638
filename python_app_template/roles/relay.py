"""Role `relay`: what is committed is published."""

from python_app_template.adapters.secondary.kafka.publisher import open_publisher
from python_app_template.adapters.secondary.postgres import outbox, term
from python_app_template.core.use_cases.relay_outbox import RelayOutbox
from python_app_template.monitoring import failing, metered
from python_app_template.world import World


def relay(world: World, transactional_id: str) -> RelayOutbox:
    """Publish what is committed, under the transactional id that the database keeps."""
    settings, watch, clock, points = world.settings, world.monitoring.watch, world.monitoring.clock, world.failpoints
    reader = outbox.PostgresOutboxReader(
        world.engine,
        world.committed,
        page_bytes=settings.outbox.page_bytes,
        poll_seconds=settings.outbox.poll_interval_ms / 1000,
    )
    opener = open_publisher(settings, transactional_id, world.admin, reach=points.in_thread())
    return RelayOutbox(
        metered.metered_lead(failing.failing_lead(term.lead(settings.database), points), watch),
        metered.metered_open(failing.failing_open(opener, points), watch, world.monitoring.metrics, clock),
        metered.MeteredOutboxReader(failing.failing_outbox(reader, points), watch),
        world.pause,
        clock,
        watch.halted,
    )
