"""Digests, watched and counted. Yours."""

from collections.abc import Mapping

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.following import Bounds, Place
from python_app_template.core.domain.shortages import Shortage
from python_app_template.core.ports.digests import Compose, Digests, Pending, Standing
from python_app_template.core.ports.following import Followed, Stretch
from python_app_template.core.ports.notifications import Letter, Notifications, Verdict
from python_app_template.core.use_cases.collect_shortages import Astray
from python_app_template.monitoring.watch import BROKER, DATABASE, Watch

MAIL_SERVER = "mail server"
"""What the notifier depends on; where it is away, nothing else stands still."""

log = structlog.get_logger(__name__)


class DigestMetrics:
    """What became of digests, and how much is not told yet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._settled = Counter(
            "app_digests",
            "Digests, by what became of them: everybody got it, or it was refused.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("sent", "failed"):
            self._settled.labels(outcome)
        self._pending = Gauge("app_digests_pending", "Digests written and not settled yet.", registry=registry)
        self._lines = Gauge(
            "app_digest_lines_pending", "Lines out of stock of which no settled digest tells.", registry=registry
        )

    def settled(self, outcome: str) -> None:
        """Count a digest that is `sent` or `failed`."""
        self._settled.labels(outcome).inc()

    def stands(self, standing: Standing) -> None:
        """Show how much is not told yet."""
        self._pending.set(standing.digests)
        self._lines.set(standing.lines)


def tell_astray(astray: Astray) -> None:
    """Say that the log is not where it was left."""
    log.error("digests.events_skipped", **astray._asdict())


class MeteredDigests(Digests):
    """Watches the database, and counts what is settled."""

    def __init__(self, inner: Digests, watch: Watch, metrics: DigestMetrics) -> None:
        self._inner, self._watch, self._metrics = inner, watch, metrics

    async def place(self) -> Place | None:
        """As the port says."""
        with self._watch.over("read_digests_place", DATABASE):
            return await self._inner.place()

    async def begin(self, place: Place) -> bool:
        """As the port says."""
        with self._watch.over("begin_digests", DATABASE):
            begun = await self._inner.begin(place)
        if begun:
            log.info("digests.begun", topic_id=place.topic_id, offsets=dict(place.offsets))
        return begun

    async def put(self, place: Place) -> None:
        """As the port says."""
        with self._watch.over("put_digests_place", DATABASE):
            await self._inner.put(place)
        log.info("digests.moved", topic_id=place.topic_id, offsets=dict(place.offsets))

    async def collect(self, starts: Mapping[int, int], stretch: Stretch[Shortage]) -> None:
        """As the port says."""
        with self._watch.over("collect_shortages", DATABASE):
            await self._inner.collect(starts, stretch)

    async def write(self, seconds: float, compose: Compose) -> bool:
        """As the port says."""
        with self._watch.over("write_digest", DATABASE):
            return await self._inner.write(seconds, compose)

    async def attempt(self) -> Pending | None:
        """As the port says."""
        with self._watch.over("attempt_digest", DATABASE):
            return await self._inner.attempt()

    async def settle(self, number: int, verdict: Verdict) -> str | None:
        """As the port says."""
        with self._watch.over("settle_digest", DATABASE):
            state = await self._inner.settle(number, verdict)
        for recipient, why in verdict.refused.items():
            log.error("mail.refused", digest=number, recipient=recipient, error=why)
        if state is not None:
            self._metrics.settled(state)
            log.info("digest.settled", digest=number, outcome=state)
        return state

    async def standing(self) -> Standing:
        """As the port says."""
        with self._watch.over("count_digests", DATABASE):
            return await self._inner.standing()

    async def look(self) -> None:
        """Show how much is not told yet."""
        try:
            self._metrics.stands(await self.standing())
        except TransientError:
            return  # the watch has noted it


class MeteredNotifications(Notifications):
    """Watches the mail server."""

    def __init__(self, inner: Notifications, watch: Watch) -> None:
        self._inner, self._watch = inner, watch

    async def probe(self) -> str:
        """As the port says."""
        with self._watch.over("probe_mail", MAIL_SERVER):
            return await self._inner.probe()

    async def send(self, letter: Letter) -> Verdict:
        """As the port says."""
        with self._watch.over("send_mail", MAIL_SERVER):
            verdict = await self._inner.send(letter)
        for recipient, why in verdict.deferred.items():
            log.warning("mail.deferred", message_id=letter.message_id, recipient=recipient, error=why)
        log.info("mail.sent", message_id=letter.message_id, bytes=len(letter.content))
        return verdict


class WatchedShortages(Followed[Shortage]):
    """Watches the broker."""

    def __init__(self, inner: Followed[Shortage], watch: Watch) -> None:
        self._inner, self._watch = inner, watch

    async def look(self) -> Bounds:
        """As the port says."""
        with self._watch.over("look_at_events", BROKER):
            return await self._inner.look()

    async def start(self, place: Place) -> None:
        """As the port says."""
        with self._watch.over("follow_events", BROKER):
            await self._inner.start(place)

    async def read(self) -> Stretch[Shortage]:
        """As the port says."""
        with self._watch.over("read_events", BROKER):
            return await self._inner.read()
