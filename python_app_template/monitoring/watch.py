"""What is told of every call to the outside, and of every part: does it answer, does it stand still."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from python_app_template.core.delivery.faults import Halted, TransientError
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.outcomes import Outcome
from python_app_template.core.ports.clock import Clock
from python_app_template.monitoring.health import Health
from python_app_template.monitoring.metrics import Metrics

DATABASE, BROKER = "database", "broker"
"""What the service depends on."""

WORKER, RELAY = "worker", "relay"
"""What has work that must get on."""

log = structlog.get_logger(__name__)


COMMIT = "commit"
"""The operation whose answer may be lost."""

CONTENTION = frozenset({"raced", "displaced", "40001", "40P01", "55P03"})
"""Codes of faults that show a dependency at work, not away: somebody else was quicker, or holds a lock."""

AWAY_SECONDS = 10.0
"""For so long after a call failed, only that call's success shows that the dependency is back; others may be easier."""


def part_of(partition: Partition) -> str:
    """Return what a partition is called as a part of the service."""
    return f"partition-{partition.number}"


class Watch:
    """What is told of every call to the outside: whether it answers, and what has to be tried again."""

    def __init__(self, metrics: Metrics, health: Health, clock: Clock) -> None:
        self._metrics, self._health, self._clock = metrics, health, clock
        self._failing: dict[str, dict[str, float]] = {}
        self._halted: dict[str, str] = {}

    @contextmanager
    def over(self, operation: str, dependency: str) -> Iterator[None]:
        """Watch one call."""
        try:
            yield
        except TransientError as fault:
            self.failed(operation, dependency, fault)
            raise
        self.worked(operation, dependency)

    def failed(self, operation: str, dependency: str, fault: TransientError) -> None:
        """Count a fault that passes; the first of a series is logged."""
        self._metrics.retried(operation, fault.code)
        if fault.code in CONTENTION:
            return
        failing = self._failing.setdefault(dependency, {})
        if not failing:
            log.warning(
                "dependency.away", dependency=dependency, operation=operation, error=f"{fault}", code=fault.code
            )
        failing[operation] = self._clock.monotonic()
        self._health.away(dependency, f"{operation}: {fault}")

    def worked(self, operation: str, dependency: str) -> None:
        """It answers to this call; whether to others, those that failed lately have to show."""
        now, failing = self._clock.monotonic(), self._failing.get(dependency)
        if not failing:
            self._health.back(dependency, now)
            return
        still = {name: at for name, at in failing.items() if name != operation and now - at < AWAY_SECONDS}
        self._failing[dependency] = still
        if not still:
            log.info("dependency.back", dependency=dependency)
            self._health.back(dependency, now)

    def settled(self, outcome: Outcome[Any], stages: Mapping[str, float]) -> None:
        """Count a batch that was committed just now; `stages` holds the seconds that each stage took."""
        self._metrics.settled(outcome, self._clock.now().timestamp(), stages)
        self.worked(COMMIT, DATABASE)
        self.moved(WORKER)
        for partition in {message.record.partition for message in outcome.consumed}:
            self.moved(part_of(partition))

    def moved(self, part: str) -> None:
        """A part got on with its work."""
        self._health.moved(part, self._clock.monotonic())

    def pressed(self, why: str | None) -> None:
        """Nothing is taken in because the way out is blocked; None: it is free."""
        self._health.pressed(why, self._clock.monotonic())

    def halted(self, part: str, why: Halted | None) -> None:
        """Show that a part stands still and why, or that it goes on; said once, however often it is reported."""
        if why is None:
            if self._halted.pop(part, None) is not None:
                log.info("part.resumed", part=part)
                self._metrics.halted(part, None)
                self._health.resumed(part, self._clock.monotonic())
        elif self._halted.get(part) != str(why):
            self._halted[part] = str(why)
            log.error("part.halted", part=part, reason=why.reason, detail=str(why), remedy=why.remedy)
            self._metrics.halted(part, why.reason)
            self._health.halted(part, str(why))

    def halts(self) -> Collection[str]:
        """The parts that stand still."""
        return self._halted.keys()
