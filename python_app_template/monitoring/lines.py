"""Yours: the domain's own metric, what became of order lines."""

from collections import Counter as Tally
from collections.abc import Callable
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter

from python_app_template.core.delivery.outcomes import Outcome

E = TypeVar("E")

OUTCOMES = {
    "line.allocated": "allocated",
    "line.deallocated": "deallocated",
    "line.out_of_stock": "out_of_stock",
    "line.rejected": "rejected",
}
"""An event's type, and what it says about a line."""


class LineOutcomes(Generic[E]):
    """Counts lines by what committed events say of them. `name` is an event's type as it stands on the wire."""

    def __init__(self, registry: CollectorRegistry, name: Callable[[type[E]], str]) -> None:
        self._name = name
        self._lines = Counter("app_lines", "Order lines, by what became of them.", ["outcome"], registry=registry)
        for outcome in OUTCOMES.values():
            self._lines.labels(outcome)

    def __call__(self, outcome: Outcome[E]) -> None:
        """Count a batch that is committed."""
        for event, times in Tally(type(fact.event) for fact in outcome.facts).items():
            if said := OUTCOMES.get(self._name(event)):
                self._lines.labels(said).inc(times)
