"""How orders and stock are read. Yours: the one port that speaks of the domain, as it is the domain's to show."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from python_app_template.core.domain.views import OrderView, StockView

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a list that is sorted by key, in code point order: of what lies between, so many from one end."""

    limit: int
    after: str | None = None
    before: str | None = None
    backward: bool = False
    """Take the last ones and not the first; their order stays."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What a window shows, and whether the list goes on on either side of it."""

    items: tuple[T, ...]
    has_previous: bool
    has_next: bool


class OrderViews(Protocol):
    """Orders as of the last commit. Everything raises TransientError while the database is away."""

    async def orders(self, order_ids: Collection[str]) -> Mapping[str, OrderView]:
        """Return those that there are, in a number of queries that does not depend on how many."""
        ...

    async def page(self, window: Window, customer_id: str | None = None) -> Page[OrderView]:
        """List them by `order_id`; of one customer alone when it is given."""
        ...


class BatchViews(Protocol):
    """Batches as of the last commit. Everything raises TransientError while the database is away."""

    async def sku(self, batch_ref: str) -> str | None:
        """What it is a batch of; None: there is no such batch."""
        ...


class StockViews(Protocol):
    """Stock of SKUs that a batch ever had. Everything raises TransientError while what it reads from is away."""

    async def stock(self, skus: Collection[str]) -> Mapping[str, StockView]:
        """Return those that there are, in a number of queries that does not depend on how many."""
        ...

    async def page(self, window: Window) -> Page[StockView]:
        """List them by `sku`."""
        ...
