"""The one list of what is yours. Everything that is not named here knows nothing of orders. Start reading here."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from python_app_template.adapters.secondary.postgres.notifications import tables
from python_app_template.adapters.secondary.postgres.stock import snapshot
from python_app_template.adapters.secondary.postgres.stock.forget import forget_orders
from python_app_template.adapters.secondary.postgres.stock.repository import PostgresStock
from python_app_template.adapters.wire.events import EVENT_TYPES, encode, name_of
from python_app_template.adapters.wire.messages import BODIES, decode
from python_app_template.core.access.rules import POLICY
from python_app_template.core.domain.commands import Command
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.stock import Stock, Wanted
from python_app_template.core.ports.checks import Check
from python_app_template.core.use_cases.handlers import HANDLERS, want
from python_app_template.core.use_cases.message_bus import MessageBus
from python_app_template.frame import Role, Service
from python_app_template.lifecycle import Part
from python_app_template.monitoring.lines import LineOutcomes
from python_app_template.world import World

TABLES = tables.metadata
"""All tables, delivery's and stock's among them; what migrations are held against."""

READ_TABLES = snapshot.read
"""Reads the domain's tables as the checker takes them (`audit/rows.py`)."""

BUS: MessageBus[Command, Stock, Event] = MessageBus(Command, HANDLERS)


# The roles' modules are imported when a process has the role: a worker needs none of what they bring along.


def _open_api(world: World) -> AbstractAsyncContextManager[Sequence[Part]]:
    from python_app_template.roles.api import open_api  # noqa: PLC0415

    return open_api(world)


def _api_checks(world: World) -> Sequence[Check]:
    from python_app_template.roles.api import api_checks  # noqa: PLC0415

    return api_checks(world)


def _open_projector(world: World) -> AbstractAsyncContextManager[Sequence[Part]]:
    from python_app_template.roles.projector import open_projector  # noqa: PLC0415

    return open_projector(world)


def _projector_checks(world: World) -> Sequence[Check]:
    from python_app_template.roles.projector import projector_checks  # noqa: PLC0415

    return projector_checks(world)


def _open_notifier(world: World) -> AbstractAsyncContextManager[Sequence[Part]]:
    from python_app_template.roles.notifier import open_notifier  # noqa: PLC0415

    return open_notifier(world)


def _notifier_checks(world: World) -> Sequence[Check]:
    from python_app_template.roles.notifier import notifier_checks  # noqa: PLC0415

    return notifier_checks(world)


SERVICE: Service[Command, Event, Wanted, Stock] = Service(
    decode=decode,
    want=want,
    decide=BUS,
    encode=encode,
    repository=PostgresStock,
    revision="0003",
    message_types=tuple(BODIES),
    event_types=EVENT_TYPES,
    dead_letter_reasons=(
        "undecodable",
        "invalid",
        "unknown_type",
        "empty",
        "conflict",
        "unknown_order",
        "unknown_batch",
        "failed",
    ),
    metrics=lambda registry: LineOutcomes(registry, name_of),
    forget=forget_orders,
    roles={
        "api": Role(_open_api, _api_checks, answers=True),
        "projector": Role(_open_projector, _projector_checks),
        "notifier": Role(_open_notifier, _notifier_checks),
    },
    policy=POLICY,
)
