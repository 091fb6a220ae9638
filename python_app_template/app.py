"""The composition root: monitoring, adapters, preflight, object graph, life cycles, exit code. No container."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import NamedTuple, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template import checking
from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.primary.http import CannotListen, application, serving
from python_app_template.adapters.primary.http_connections import Limits
from python_app_template.adapters.primary.kafka.source import KafkaSource
from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.adapters.secondary.kafka.publisher import open_publisher
from python_app_template.adapters.secondary.postgres import outbox, term
from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.adapters.secondary.postgres.positions import PostgresPositions
from python_app_template.adapters.secondary.postgres.unit_of_work import PostgresUnitOfWork
from python_app_template.core.delivery.breaker import Breaker
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import OTHER
from python_app_template.core.delivery.partitions import Partitions
from python_app_template.core.ports.checks import Check
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.unit_of_work import UnitOfWork
from python_app_template.core.use_cases.backoff import Backoff
from python_app_template.core.use_cases.consume import Consume
from python_app_template.core.use_cases.hold_back import HoldBack, Pending
from python_app_template.core.use_cases.process_batch import ProcessBatch
from python_app_template.core.use_cases.relay_outbox import RelayOutbox
from python_app_template.core.use_cases.settle_batch import SettleBatch
from python_app_template.exit_codes import ExitCode
from python_app_template.frame import Service
from python_app_template.lifecycle import (
    DrainTimedOut,
    Part,
    Stop,
    collect_seldom,
    repeating,
    run_until,
    unless_stopped,
)
from python_app_template.monitoring import failing, metered
from python_app_template.monitoring.failpoints import Failpoints
from python_app_template.monitoring.monitoring import Monitoring
from python_app_template.preflight import PreflightFailed, pass_preflight
from python_app_template.service import SERVICE
from python_app_template.settings import Settings, SettingsError, failpoints

C = TypeVar("C")
E = TypeVar("E")
W = TypeVar("W")
S = TypeVar("S")

VERSION = version("python-app-template")

LOOK_EVERY = 1.0
"""Seconds between two looks at what no call shows by itself."""

SIZE_EVERY = 10.0
"""Seconds between two looks at how large a dead letter may be: somebody may change the topic while we run."""

log = structlog.get_logger(__name__)


def run(settings: Settings, clock: Clock | None = None) -> ExitCode:
    """Serve orders until asked to stop."""
    collect_seldom()
    return asyncio.run(run_service(SERVICE, settings, clock))


async def run_service(service: Service[C, E, W, S], settings: Settings, clock: Clock | None = None) -> ExitCode:
    """Serve any domain: every kind of end, what is said of it, and its exit code."""
    try:
        await serve(service, settings, clock)
    except SettingsError as error:
        for line in error.lines:
            log.error("settings.wrong", fault=line)  # noqa: TRY400 - the line says it all
        return ExitCode.SETTINGS
    except (PreflightFailed, CannotListen) as error:
        log.error("service.not_started", error=str(error))  # noqa: TRY400 - likewise
        return ExitCode.PREFLIGHT
    except DrainTimedOut as error:
        log.error("service.not_drained", error=str(error))  # noqa: TRY400 - likewise
        return ExitCode.ERROR
    except Exception:
        log.exception("service.failed")
        return ExitCode.ERROR
    log.info("service.stopped")
    return ExitCode.STOPPED


async def serve(service: Service[C, E, W, S], settings: Settings, clock: Clock | None) -> None:
    """Wire everything and run it until a signal asks to stop. Raises what ended it otherwise."""
    stop = Stop.listening()
    async with AsyncExitStack() as life:
        monitoring = monitor(service, settings, clock)
        http = application(monitoring.metrics.registry, monitoring.live, monitoring.health.readiness)
        limits = Limits(settings.http.max_connections, settings.http.request_seconds)
        await life.enter_async_context(serving(http, settings.http.host, settings.http.port, limits))
        world = await life.enter_async_context(connect(settings, monitoring))
        learned = await unless_stopped(prepare(service, world), stop)
        if learned is None:
            return
        relaying = relay(world, learned)
        parts = [
            *(worker(service, world, learned) if "worker" in settings.roles else []),
            *([Part("relay", relaying, relaying.drain)] if "relay" in settings.roles else []),
            *observers(world, leads=lambda: relaying.leads),
        ]
        await run_until(stop, parts, settings.drain.grace_seconds, monitoring.stopping)


# --- Monitoring


def monitor(service: Service[C, E, W, S], settings: Settings, clock: Clock | None = None) -> Monitoring:
    """Make metrics and health; known series start at zero."""
    monitoring = Monitoring(clock or SystemClock(), VERSION, settings.environment, settings.health.stalled_seconds)
    kafka = settings.kafka
    monitoring.metrics.start_at_zero(
        consumed={kafka.input_topic: [*service.message_types, OTHER]},
        published={kafka.output_topic: service.event_types},
        dead_lettered={kafka.input_topic: service.dead_letter_reasons},
    )
    return monitoring


# --- Adapters


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
    failpoints: Failpoints
    """Empty unless somebody asks for faults; then nothing is wrapped."""


@asynccontextmanager
async def connect(settings: Settings, monitoring: Monitoring) -> AsyncIterator[World]:
    """Open the adapters that all parts share; nothing is connected before it is used."""
    engine = create_engine(settings.database, settings.service_name)
    retry = settings.retry
    pause = Backoff(monitoring.clock, first=retry.first_seconds, longest=retry.longest_seconds)
    points = Failpoints(failpoints.parse(settings.failpoints.points), settings.failpoints.seed)
    try:
        yield World(settings, monitoring, engine, KafkaAdmin(settings), asyncio.Event(), pause, points)
    finally:
        await engine.dispose()


# --- Preflight


@asynccontextmanager
async def open_checks(settings: Settings) -> AsyncIterator[list[Check]]:
    """Open what the checks need, for the command of that name."""
    async with connect(settings, monitor(SERVICE, settings)) as world:
        yield checks(SERVICE, world)


def checks(service: Service[C, E, W, S], world: World) -> list[Check]:
    """Return all, in the order in which they make sense."""
    return checking.checks(world.settings, service.revision, world.engine, world.admin, world.monitoring.clock)


class Learned(NamedTuple):
    """What only the outside knows, and the wiring needs."""

    largest_dead_letter: int
    """Bytes that the dead-letter topic takes."""
    transactional_id: str


async def prepare(service: Service[C, E, W, S], world: World) -> Learned:
    """Check, then ask. Raises PreflightFailed; SettingsError: the database was made with others."""
    monitoring = world.monitoring
    await pass_preflight(checks(service, world), world.settings.preflight.wait_seconds, monitoring.clock)
    monitoring.health.checked("preflight", ok=True)
    tries = 0
    while True:
        try:
            return await learn(world)
        except TransientError as fault:  # it was there a moment ago
            log.warning("dependency.away", operation="start", error=f"{fault}", code=fault.code)
            tries += 1
            await world.pause(tries)


async def learn(world: World) -> Learned:
    """Ask broker and database. Raises TransientError; SettingsError when another transactional id is kept."""
    kafka = world.settings.kafka
    largest = await world.admin.message_bytes(kafka.dead_letter_topic)
    if "relay" not in world.settings.roles:
        return Learned(largest, "")
    seed = kafka.transactional_id
    kept = await outbox.transactional_id(world.engine, seed)
    if seed is not None and seed != kept:
        raise SettingsError(
            [f"APP_KAFKA__TRANSACTIONAL_ID: {seed!r} is not what the database keeps; allowed: {kept!r}, or not set"]
        )
    return Learned(largest, kept)


# --- Object graph, innermost first, and its primary adapters


def worker(service: Service[C, E, W, S], world: World, learned: Learned) -> list[Part]:
    """Messages in: consume, decide, commit."""
    settings, monitoring, engine, clock = world.settings, world.monitoring, world.engine, world.monitoring.clock
    form = outbox.Format(
        encode=service.encode,
        output_topic=settings.kafka.output_topic,
        dead_letter_topic=settings.kafka.dead_letter_topic,
        service=settings.service_name,
        version=VERSION,
        row_bytes=settings.outbox.row_bytes,
        largest_dead_letter=learned.largest_dead_letter,
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

    looks = [repeating("lag", look, LOOK_EVERY), repeating("dead letters' size", look_at_size, SIZE_EVERY)]
    return [Part("worker", consume_and_leave, drain), *looks]


def relay(world: World, learned: Learned) -> RelayOutbox:
    """Events out: publish what is committed."""
    settings, watch, clock, points = world.settings, world.monitoring.watch, world.monitoring.clock, world.failpoints
    reader = outbox.PostgresOutboxReader(
        world.engine,
        world.committed,
        page_bytes=settings.outbox.page_bytes,
        poll_seconds=settings.outbox.poll_interval_ms / 1000,
    )
    opener = open_publisher(settings, learned.transactional_id, world.admin, reach=points.in_thread())
    return RelayOutbox(
        metered.metered_lead(failing.failing_lead(term.lead(settings.database), points), watch),
        metered.metered_open(failing.failing_open(opener, points), watch, world.monitoring.metrics, clock),
        metered.MeteredOutboxReader(failing.failing_outbox(reader, points), watch),
        world.pause,
        clock,
        watch.halted,
    )


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
