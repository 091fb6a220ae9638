"""The composition root: monitoring, adapters, preflight, object graphs, life cycles, exit code. No container."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple, TypeVar

import structlog

from python_app_template import checking
from python_app_template.adapters.primary.http import CannotListen, Front, application, serving
from python_app_template.adapters.primary.http_connections import Limits
from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.adapters.secondary.postgres import outbox
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import OTHER
from python_app_template.core.ports.checks import Check
from python_app_template.core.ports.clock import Clock
from python_app_template.exit_codes import ExitCode
from python_app_template.frame import Role, Service
from python_app_template.lifecycle import DrainTimedOut, Part, Stop, run_until, tune_interpreter, unless_stopped
from python_app_template.monitoring.monitoring import Monitoring
from python_app_template.preflight import PreflightFailed, pass_preflight
from python_app_template.roles.observers import observers
from python_app_template.roles.relay import relay
from python_app_template.roles.worker import worker
from python_app_template.service import SERVICE
from python_app_template.settings import Settings, SettingsError
from python_app_template.world import VERSION, World, connect

C = TypeVar("C")
E = TypeVar("E")
W = TypeVar("W")
S = TypeVar("S")

log = structlog.get_logger(__name__)


def run(settings: Settings, clock: Clock | None = None) -> ExitCode:
    """Serve orders until asked to stop."""
    tune_interpreter()
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
        own = application(monitoring.metrics.registry, monitoring.live, monitoring.health.readiness)
        http = settings.http
        awaited = any(role.answers for role in own_roles(service, settings))
        front = Front(own, apart=http.metrics_port is not None, awaited=awaited)
        limits = Limits(http.max_connections, http.request_seconds)
        await life.enter_async_context(serving(front, http.host, http.port, limits))
        if http.metrics_port is not None:
            await life.enter_async_context(serving(own, http.host, http.metrics_port, limits))
        world = await life.enter_async_context(connect(settings, monitoring, front.mount))
        learned = await unless_stopped(prepare(service, world), stop)
        if learned is None:
            return
        parts = await unless_stopped(open_own(service, world, life), stop)
        if parts is None:
            return
        monitoring.health.checked("roles", ok=True)
        relaying = relay(world, learned.transactional_id)
        parts += worker(service, world, learned.largest_dead_letter) if "worker" in settings.roles else []
        parts += [Part("relay", relaying, relaying.drain)] if "relay" in settings.roles else []
        parts += observers(world, leads=lambda: relaying.leads)
        await run_until(stop, parts, settings.drain.grace_seconds, monitoring.stopping)


def own_roles(service: Service[C, E, W, S], settings: Settings) -> list[Role]:
    """Return those of the domain's roles that this process has."""
    return [role for name, role in service.roles.items() if name in settings.roles]


async def open_own(service: Service[C, E, W, S], world: World, life: AsyncExitStack) -> list[Part]:
    """Open them, for as long as `life` lasts, and return their parts."""
    return [
        part for role in own_roles(service, world.settings) for part in await life.enter_async_context(role.open(world))
    ]


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


# --- Preflight


@asynccontextmanager
async def open_checks(settings: Settings) -> AsyncIterator[list[Check]]:
    """Open what the checks need, for the command of that name."""
    async with connect(settings, monitor(SERVICE, settings)) as world:
        yield checks(SERVICE, world)


def checks(service: Service[C, E, W, S], world: World) -> list[Check]:
    """Return all, in the order in which they make sense."""
    return [
        *checking.checks(world.settings, service.revision, world.engine, world.admin, world.monitoring.clock),
        *(check for role in own_roles(service, world.settings) for check in role.checks(world)),
    ]


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
    largest, kept = await asyncio.gather(
        world.admin.message_bytes(world.settings.kafka.dead_letter_topic), transactional_id(world)
    )
    return Learned(largest, kept)


async def transactional_id(world: World) -> str:
    """Return the relay's, which the database keeps; "" without that role. Raises as `learn` does."""
    if "relay" not in world.settings.roles:
        return ""
    seed = world.settings.kafka.transactional_id
    kept = await outbox.transactional_id(world.engine, seed)
    if seed is not None and seed != kept:
        raise SettingsError(
            [f"APP_KAFKA__TRANSACTIONAL_ID: {seed!r} is not what the database keeps; allowed: {kept!r}, or not set"]
        )
    return kept
