"""Role `worker`: messages in, decided, committed."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import TypeVar

import structlog

from python_app_template.adapters.primary.kafka.source import KafkaSource
from python_app_template.adapters.secondary.postgres import fates, outbox
from python_app_template.adapters.secondary.postgres.positions import PostgresPositions
from python_app_template.adapters.secondary.postgres.unit_of_work import PostgresUnitOfWork
from python_app_template.core.delivery.breaker import Breaker
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.partitions import Partitions
from python_app_template.core.ports.unit_of_work import UnitOfWork
from python_app_template.core.use_cases.consume import Consume
from python_app_template.core.use_cases.hold_back import HoldBack, Pending
from python_app_template.core.use_cases.process_batch import ProcessBatch
from python_app_template.core.use_cases.settle_batch import SettleBatch
from python_app_template.frame import Service
from python_app_template.lifecycle import Part, repeating
from python_app_template.monitoring import failing, metered
from python_app_template.roles.observers import LOOK_EVERY
from python_app_template.world import VERSION, World

C = TypeVar("C")
E = TypeVar("E")
W = TypeVar("W")
S = TypeVar("S")

SIZE_EVERY = 10.0
"""Seconds between two looks at how large a dead letter may be: somebody may change the topic while we run."""

TRIM_EVERY = 60.0
"""Seconds between two times that old dead letters are forgotten; Kafka has them still."""

DAY = 86_400.0

log = structlog.get_logger(__name__)


def worker(service: Service[C, E, W, S], world: World, largest_dead_letter: int) -> list[Part]:
    """Consume, decide, commit. `largest_dead_letter`: bytes that the dead-letter topic takes."""
    settings, monitoring, engine, clock = world.settings, world.monitoring, world.engine, world.monitoring.clock
    form = outbox.Format(
        encode=service.encode,
        output_topic=settings.kafka.output_topic,
        dead_letter_topic=settings.kafka.dead_letter_topic,
        service=settings.service_name,
        version=VERSION,
        row_bytes=settings.outbox.row_bytes,
        largest_dead_letter=largest_dead_letter,
    )
    stopwatch = metered.Stopwatch(clock)

    def transaction() -> UnitOfWork[E, W, S]:
        return PostgresUnitOfWork[E, W, S](engine, service.repository, form, world.committed.set)

    begin_transaction = failing.failing_begin(transaction, world.failpoints)

    def begin() -> UnitOfWork[E, W, S]:
        return metered.MeteredUnitOfWork(begin_transaction(), stopwatch)

    process = metered.metered_process(
        ProcessBatch(begin, service.want, service.decide, clock, asyncio.to_thread), monitoring.watch
    )
    breaker = Breaker(**settings.breaker.model_dump())
    count_domain = service.metrics(monitoring.metrics.registry)
    settle = metered.metered_settle(
        SettleBatch(process, world.pause, breaker), stopwatch, monitoring.watch, count_domain
    )
    positions = PostgresPositions(engine, settings.kafka.group_id, reach=settings.consumer.batch_size)
    limit = Pending(settings.outbox.max_pending, settings.outbox.max_pending_bytes)
    room = HoldBack(partial(outbox.pending, engine), limit, clock, monitoring.watch.pressed)
    source = KafkaSource(settings, service.decode, world.admin)
    consume = Consume(
        failing.failing_source(source, world.failpoints),
        metered.MeteredPositions(failing.failing_positions(positions, world.failpoints), monitoring.watch),
        settle,
        Partitions(settings.kafka.group_id),
        room,
        world.pause,
        clock,
        monitoring.watch.halted,
    )

    async def consume_and_leave() -> None:
        async with source:
            await consume()

    def drain() -> None:
        consume.drain()
        source.drain()
        room.drain()

    async def look() -> None:
        monitoring.observer.beat("poll thread", source.turned_at)
        monitoring.health.checked("consumer group", ok=source.trouble is None, detail=source.trouble or "")
        monitoring.observer.look_at_lag(
            settings.kafka.input_topic,
            len(source.assigned),
            source.lags(),
            monitoring.watch.halts(),
            rounds=source.rounds,
        )

    async def look_at_size() -> None:
        nonlocal form
        with suppress(TransientError):
            size = await world.admin.message_bytes(form.dead_letter_topic)
            if size != form.largest_dead_letter:
                form = form._replace(largest_dead_letter=size)
                log.info("dead_letters.size_changed", topic=form.dead_letter_topic, bytes=size)

    async def trim_fates() -> None:
        with suppress(TransientError):
            await fates.trim(engine, settings.consumer.dead_letters_kept_days * DAY)

    looks = {
        "lag": (look, LOOK_EVERY),
        "dead letters' size": (look_at_size, SIZE_EVERY),
        "fates": (trim_fates, TRIM_EVERY),
    }
    return [Part("worker", consume_and_leave, drain), *(repeating(name, *each) for name, each in looks.items())]
