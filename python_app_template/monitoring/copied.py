"""The copy of stock watched: its metrics, and who has to answer for it. Yours."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from python_app_template.core.delivery.following import Bounds, Place
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.projection import Change
from python_app_template.core.domain.views import StockView
from python_app_template.core.ports.following import Followed, Stretch
from python_app_template.core.ports.stock_copy import Standing, StockCopy, StockSnapshot
from python_app_template.core.use_cases.follow_stock import Step
from python_app_template.monitoring.monitoring import Monitoring
from python_app_template.monitoring.watch import BROKER, DATABASE, Watch

REDIS: Final = "redis"
PROJECTOR: Final = "projector"
REASONS: Final = ("nothing_there", "topic_recreated", "partitions_changed", "log_truncated", "log_ends_before")

log = structlog.get_logger(__name__)


class CopyMetrics:
    """What the projector counts. Called from the event loop alone."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "app_view_events", "Events that the copy of stock has taken in.", ["outcome"], registry=registry
        )
        self._reloads = Counter("app_view_reloads", "SKUs looked up in the tables after a gap.", registry=registry)
        self._rebuilds = Counter(
            "app_view_rebuilds", "Times that the copy was made anew.", ["reason"], registry=registry
        )
        self._lag = Gauge("app_view_lag", "Offsets that the copy of stock is behind.", ["partition"], registry=registry)
        for outcome in ("applied", "dropped"):
            self._events.labels(outcome)
        for reason in REASONS:
            self._rebuilds.labels(reason)

    def saw(self, step: Step) -> None:
        """Count what is in the copy now."""
        self._events.labels("applied").inc(step.applied)
        self._events.labels("dropped").inc(step.dropped)
        self._reloads.inc(step.reloaded)

    def lag(self, lag: Mapping[int, int]) -> None:
        """Show how far there is to go."""
        for partition, offsets in lag.items():
            self._lag.labels(str(partition)).set(offsets)

    def rebuilding(self, reason: str) -> None:
        """Count it, when it begins."""
        self._rebuilds.labels(reason).inc()


class Watcher:
    """What the projector tells of itself."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._health, self._clock, self.watch = monitoring.health, monitoring.clock, monitoring.watch
        self._metrics = CopyMetrics(monitoring.metrics.registry)

    def saw(self, step: Step) -> None:
        """A stretch is in the copy."""
        self._metrics.saw(step)
        self._health.moved(PROJECTOR, self._clock.monotonic())
        if step.reloaded:
            log.warning("view.reloaded", skus=step.reloaded)

    def looked(self, place: Place, bounds: Bounds) -> None:
        """The log's end is known."""
        lag = bounds.lag(place)
        self._metrics.lag(lag)
        if any(lag.values()):
            self._health.waits(PROJECTOR, self._clock.monotonic(), (REDIS, BROKER, DATABASE))
        else:
            self.rests()

    def rebuilding(self, reason: str) -> None:
        """The copy is about to be made anew."""
        self._metrics.rebuilding(reason)
        self.rests()  # it takes as long as there is stock
        log.warning("view.rebuilding", reason=reason)

    def rests(self) -> None:
        """Nothing waits that is known of, or it is another projector's business."""
        self._health.rests(PROJECTOR)


class WatchedCopy(StockCopy):
    """Watches the calls."""

    def __init__(self, inner: StockCopy, watcher: Watcher) -> None:
        self._inner, self._watcher, self._watch = inner, watcher, watcher.watch

    async def claim(self) -> Standing | None:
        """As the port says."""
        with self._watch.over("claim_view", REDIS):
            standing = await self._inner.claim()
        if standing is None:
            self._watcher.rests()
        return standing

    async def release(self) -> None:
        """As the port says."""
        with self._watch.over("release_view", REDIS):
            await self._inner.release()

    async def begin(self, place: Place) -> str:
        """As the port says."""
        with self._watch.over("begin_view", REDIS):
            return await self._inner.begin(place)

    async def move(
        self, generation: str, place: Place, offsets: Mapping[int, int], changes: Iterable[Change], age: float
    ) -> Mapping[str, int]:
        """As the port says."""
        with self._watch.over("move_view", REDIS):
            return await self._inner.move(generation, place, offsets, changes, age)

    async def swap(self, generation: str) -> bool:
        """As the port says."""
        with self._watch.over("swap_view", REDIS):
            swapped = await self._inner.swap(generation)
        if swapped:
            log.info("view.swapped", generation=generation)
        return swapped

    async def sweep(self) -> None:
        """As the port says."""
        with self._watch.over("sweep_views", REDIS):
            await self._inner.sweep()


class WatchedFollowed(Followed[Event]):
    """Watches the calls."""

    def __init__(self, inner: Followed[Event], watch: Watch) -> None:
        self._inner, self._watch = inner, watch

    async def look(self) -> Bounds:
        """As the port says."""
        with self._watch.over("look_at_events", BROKER):
            return await self._inner.look()

    async def start(self, place: Place) -> None:
        """As the port says."""
        await self._inner.start(place)

    async def read(self) -> Stretch[Event]:
        """As the port says."""
        with self._watch.over("read_events", BROKER):
            return await self._inner.read()


class WatchedSnapshot(StockSnapshot):
    """Watches the reading."""

    def __init__(self, inner: StockSnapshot, watch: Watch) -> None:
        self._inner, self._watch = inner, watch

    async def pages(self) -> AsyncIterator[Sequence[StockView]]:
        """As the port says."""
        with self._watch.over("read_all_stock", DATABASE):
            async for page in self._inner.pages():
                yield page
