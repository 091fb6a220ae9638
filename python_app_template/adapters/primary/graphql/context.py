"""What the fields of one request have in hand. YOURS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from python_app_template.adapters.primary.graphql.loaders import Loader
from python_app_template.adapters.primary.web.guard import Caller
from python_app_template.adapters.primary.web.waiting import Waiting
from python_app_template.adapters.primary.writes import Writes
from python_app_template.adapters.wire.events import Body
from python_app_template.core.access.policy import Action, Granted
from python_app_template.core.access.subject import Subject
from python_app_template.core.delivery.commands import CommandIds
from python_app_template.core.delivery.messages import Headers
from python_app_template.core.domain.views import OrderView, StockView
from python_app_template.core.ports.views import OrderViews, StockViews
from python_app_template.core.use_cases.admit import Admit

QUERIES_AT_A_TIME = 2
"""Of one request: it may ask for many pages, and is not the only one."""


def nobody(_: str) -> AsyncIterator[Body]:
    """Refuse to listen: an answer over HTTP is one answer."""
    raise LookupError("there is no connection to tell events to")


class Services(NamedTuple):
    """What all requests share."""

    orders: OrderViews
    stock: StockViews
    writes: Writes
    waiting: Waiting
    ids: CommandIds
    admit: Admit


@dataclass
class Context:
    """One request: who asks, and what was looked up for them already."""

    services: Services
    subject: Subject | None
    headers: Headers
    address: str
    listen: Callable[[str], AsyncIterator[Body]] = nobody
    """Hears the events of a SKU from now on."""
    orders: Loader[OrderView] = field(init=False)
    stock: Loader[StockView] = field(init=False)
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(QUERIES_AT_A_TIME))
    writes: int = 0
    _granted: dict[Action, Granted] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.orders, self.stock = Loader(self.services.orders.orders), Loader(self.services.stock.stock)

    def grant(self, action: Action) -> Granted:
        """Ask the policy, once for each action. Raises Forbidden."""
        if action not in self._granted:
            self._granted[action] = self.services.admit.grant(self.subject, action)
        return self._granted[action]

    async def caller(self, granted: Granted) -> Caller:
        """Return who writes; each write but the first is counted as a request of its own. Raises TooMany."""
        if self.writes and self.subject is not None:
            await self.services.admit.count(self.subject, self.address)
        self.writes += 1
        return Caller(self.subject, granted, self.headers)


def context(info: Any) -> Context:
    """Return the context of the request that a field belongs to."""
    found: Context = info.context
    return found
