"""What is told of every call to the outside, and of every part: does it answer, does it stand still."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from python_app_template.core.delivery.faults import Halted, TransientError
from python_app_template.core.delivery.outcomes import Outcome
from python_app_template.core.ports.clock import Clock
from python_app_template.monitoring.health import Health
from python_app_template.monitoring.metrics import Metrics

DATABASE, BROKER = "database", "broker"
"""What the service depends on."""

WORKER, RELAY = "worker", "relay"
"""What has work that must get on."""

log = structlog.get_logger(__name__)


class Watch:
    """What is told of every call to the outside: whether it answers, and what has to be tried again."""

    def __init__(self, metrics: Metrics, health: Health, clock: Clock) -> None:
        self._metrics, self._health, self._clock = metrics, health, clock
        self._away: set[str] = set()
        self._halted: dict[str, str] = {}

    @contextmanager
    def over(self, operation: str, dependency: str) -> Iterator[None]:
        """Watch one call."""
        try:
            yield
        except TransientError as fault:
            self.failed(operation, dependency, fault)
            raise
        self.worked(dependency)

    def failed(self, operation: str, dependency: str, fault: TransientError) -> None:
        """Count a fault that passes; the first of a series is logged."""
        self._metrics.retried(operation, fault.code)
        self._health.away(dependency, f"{operation}: {fault}")
        if dependency not in self._away:
            self._away.add(dependency)
            log.warning(
                "dependency.away", dependency=dependency, operation=operation, error=f"{fault}", code=fault.code
            )

    def worked(self, dependency: str) -> None:
        """It answers."""
        if dependency in self._away:
            self._away.discard(dependency)
            log.info("dependency.back", dependency=dependency)
        self._health.back(dependency, self._clock.monotonic())

    def settled(self, outcome: Outcome[Any], stages: Mapping[str, float]) -> None:
        """Count a batch that was committed just now; `stages` holds the seconds that each stage took."""
        self._metrics.settled(outcome, self._clock.now().timestamp(), stages)
        self.moved(WORKER)

    def moved(self, part: str) -> None:
        """A part got on with its work."""
        self._health.moved(part, self._clock.monotonic())

    def halted(self, part: str, why: Halted | None) -> None:
        """Show that a part stands still and why, or that it goes on; said once, however often it is reported."""
        if why is None:
            if self._halted.pop(part, None) is not None:
                log.info("part.resumed", part=part)
                self._metrics.halted(part, None)
                self._health.resumed(part, self._clock.monotonic())
        elif self._halted.get(part) != why.reason:
            self._halted[part] = why.reason
            log.error("part.halted", part=part, reason=why.reason, detail=str(why), remedy=why.remedy)
            self._metrics.halted(part, why.reason)
            self._health.halted(part, str(why))

    def halts(self) -> Collection[str]:
        """The parts that stand still."""
        return self._halted.keys()
