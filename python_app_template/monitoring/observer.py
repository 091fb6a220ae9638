"""Looks, now and then, at what no call shows by itself: lag, pending rows, whether an idle service's ways are free."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias, TypeVar

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.ports.clock import Clock
from python_app_template.core.use_cases.hold_back import CountPending
from python_app_template.monitoring.health import WAY_OUT, Health
from python_app_template.monitoring.metrics import Metrics
from python_app_template.monitoring.watch import BROKER, DATABASE, RELAY, WORKER, Watch, part_of

T = TypeVar("T")

ANSWER_SECONDS = 5.0

WAY_IN = (DATABASE, BROKER, WAY_OUT)
"""What consuming needs: it pauses while the way out is blocked."""

Lags: TypeAlias = Mapping[Partition, tuple[int, float]]
"""Of each assigned partition that was started: messages not yet committed, and the age of the oldest in seconds."""


class Observer:
    """Feeds gauges and health; decides nothing. Each look is one call of `look_at_...`."""

    def __init__(self, metrics: Metrics, health: Health, watch: Watch, clock: Clock) -> None:
        self._metrics, self._health, self._watch, self._clock = metrics, health, watch, clock
        self._shown: set[Partition] = set()
        self._rounds, self._looked_at = 0, clock.monotonic()

    def beat(self, part: str, at: float | None = None) -> None:
        """Say that a thread (or the event loop, which runs this) went round, now or at a monotonic time."""
        self._health.beat(part, self._clock.monotonic() if at is None else at)

    async def look_at_database(self, count_pending: CountPending, *, leads: Callable[[], bool]) -> None:
        """Show what waits to be published; whether that is for us to do, `leads` says."""
        try:
            with self._watch.over("count_pending", DATABASE):
                pending = await _answered(count_pending())
        except TransientError:
            return  # the watch has noted it
        self._metrics.pending(pending.rows)
        self._wait(RELAY, waiting=pending.rows > 0 and leads())

    async def look_at_broker(self, ask: Callable[[], Awaitable[object]]) -> None:
        """See whether it answers."""
        try:
            with self._watch.over("describe_topics", BROKER):
                await _answered(ask())
        except TransientError:
            return  # likewise

    def look_at_lag(self, topic: str, assigned: int, lags: Lags, halted: Collection[str], *, rounds: int) -> None:
        """Show each partition's lag, and whether work waits that is not halted.

        `rounds` counts what the worker has received: while it does not grow, one batch is in hand, and no other
        partition's work can move. The worker as a whole is judged then.
        """
        waiting = {}
        for partition, (messages, seconds) in lags.items():
            self._metrics.lag(partition.topic, partition.number, messages, seconds)
            part = part_of(partition)
            waiting[part] = messages > 0 and part not in halted
        for partition in self._shown - lags.keys():
            self._metrics.released(partition.topic, partition.number)
            self._health.ended(part_of(partition))
        self._shown = set(lags)
        self._metrics.assigned(topic, assigned)
        self._wait(WORKER, waiting=any(waiting.values()), needs=WAY_IN)
        self._judge(waiting, rounds)

    def _judge(self, waiting: Mapping[str, bool], rounds: int) -> None:
        """One partition may stand still while others move."""
        now, went_round = self._clock.monotonic(), rounds != self._rounds
        for part, waits in waiting.items():
            if not went_round:
                self._health.excused(part, now - self._looked_at)
            self._wait(part, waiting=waits, needs=WAY_IN)
        self._rounds, self._looked_at = rounds, now

    def _wait(self, part: str, *, waiting: bool, needs: Collection[str] = (DATABASE, BROKER)) -> None:
        if waiting:
            self._health.waits(part, self._clock.monotonic(), needs)
        else:
            self._health.rests(part)


async def _answered(answer: Awaitable[T]) -> T:
    """Wait no longer for a simple answer than somebody would who asks for the health."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await answer
    except TimeoutError:
        raise TransientError(f"no answer within {ANSWER_SECONDS:g} s", code="no_answer") from None
