"""The one list of what is yours. Everything that is not named here knows nothing of orders. Start reading here."""

from python_app_template.adapters.secondary.postgres.notifications import tables
from python_app_template.adapters.secondary.postgres.stock import snapshot
from python_app_template.adapters.secondary.postgres.stock.forget import forget_orders
from python_app_template.adapters.secondary.postgres.stock.repository import PostgresStock
from python_app_template.adapters.wire.events import EVENT_TYPES, encode, type_of
from python_app_template.adapters.wire.messages import BODIES, decode
from python_app_template.core.domain.commands import Command
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.stock import Stock, Wanted
from python_app_template.core.use_cases.handlers import HANDLERS, want
from python_app_template.core.use_cases.message_bus import MessageBus
from python_app_template.frame import Service
from python_app_template.monitoring.lines import LineOutcomes

TABLES = tables.metadata
"""All tables, delivery's and stock's among them; what migrations are held against."""

READ_TABLES = snapshot.read
"""Reads the domain's tables as the checker takes them (`audit/rows.py`)."""

BUS: MessageBus[Command, Stock, Event] = MessageBus(Command, HANDLERS)

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
    metrics=lambda registry: LineOutcomes(registry, type_of),
    forget=forget_orders,
)
