"""Stock is read from its copy where that can answer, else from the tables. Yours."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias, TypeVar

from python_app_template.core.delivery.circuit import Circuit
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.domain.views import StockView
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.stock_copy import NotCurrent
from python_app_template.core.ports.views import Page, StockViews, Window

T = TypeVar("T")

Saw: TypeAlias = Callable[[str], None]
"""Told of each read: "" when the copy answered, else why it did not."""


class ReadStock(StockViews):
    """Asks the copy first.

    - A copy that is away, not ready, behind or torn is never the reader's trouble: the tables answer.
    - One that is away costs its timeout once in a while, not every read.
    """

    def __init__(self, copy: StockViews, tables: StockViews, circuit: Circuit, clock: Clock, saw: Saw) -> None:
        self._copy, self._tables = copy, tables
        self._circuit, self._clock, self._saw = circuit, clock, saw

    async def stock(self, skus: Collection[str]) -> Mapping[str, StockView]:
        """As the port says."""
        return await self._ask(lambda views: views.stock(skus))

    async def page(self, window: Window) -> Page[StockView]:
        """As the port says."""
        return await self._ask(lambda views: views.page(window))

    async def _ask(self, question: Callable[[StockViews], Awaitable[T]]) -> T:
        why = "resting"
        if self._circuit.lets_through(self._clock.monotonic()):
            try:
                answer = await question(self._copy)
            except NotCurrent as fault:
                self._circuit.worked()
                why = fault.code
            except TransientError:
                self._circuit.failed(self._clock.monotonic())
                why = "away"
            else:
                self._circuit.worked()
                self._saw("")
                return answer
        self._saw(why)
        return await question(self._tables)
