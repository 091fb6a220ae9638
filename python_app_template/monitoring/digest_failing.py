"""Where the notifier's failpoints are reached: wrappers of what it keeps and of its way to people. Yours."""

from collections.abc import Mapping

from python_app_template.core.delivery.following import Place
from python_app_template.core.domain.shortages import Shortage
from python_app_template.core.ports.digests import Compose, Digests, Pending, Standing
from python_app_template.core.ports.following import Stretch
from python_app_template.core.ports.notifications import Letter, Notifications, Verdict
from python_app_template.monitoring.failpoints import Failpoints


def failing_digests(digests: Digests, points: Failpoints) -> Digests:
    """Fail around what is kept."""
    return FailingDigests(digests, points) if points else digests


def failing_notifications(notifications: Notifications, points: Failpoints) -> Notifications:
    """Fail around what is sent."""
    return FailingNotifications(notifications, points) if points else notifications


class FailingDigests(Digests):
    """Fails before a call, or after it as if its answer was lost."""

    def __init__(self, inner: Digests, points: Failpoints) -> None:
        self._inner, self._points = inner, points

    async def place(self) -> Place | None:
        """As the port says."""
        return await self._inner.place()

    async def begin(self, place: Place) -> bool:
        """As the port says."""
        await self._points.reach("notifier.before_begin")
        begun = await self._inner.begin(place)
        await self._points.reach("notifier.begun")
        return begun

    async def put(self, place: Place) -> None:
        """As the port says."""
        await self._points.reach("notifier.before_put")
        await self._inner.put(place)
        await self._points.reach("notifier.put")

    async def collect(self, starts: Mapping[int, int], stretch: Stretch[Shortage]) -> None:
        """As the port says."""
        await self._points.reach("notifier.before_collect")
        await self._inner.collect(starts, stretch)
        await self._points.reach("notifier.collected")

    async def write(self, seconds: float, compose: Compose) -> bool:
        """As the port says."""
        written = await self._inner.write(seconds, compose)
        if written:
            await self._points.reach("notifier.written")
        return written

    async def attempt(self) -> Pending | None:
        """As the port says."""
        return await self._inner.attempt()

    async def settle(self, number: int, verdict: Verdict) -> str | None:
        """As the port says."""
        state = await self._inner.settle(number, verdict)
        await self._points.reach("notifier.settled")
        return state

    async def standing(self) -> Standing:
        """As the port says."""
        return await self._inner.standing()


class FailingNotifications(Notifications):
    """Fails before a letter is sent, or after it was taken."""

    def __init__(self, inner: Notifications, points: Failpoints) -> None:
        self._inner, self._points = inner, points

    async def probe(self) -> str:
        """As the port says."""
        return await self._inner.probe()

    async def send(self, letter: Letter) -> Verdict:
        """As the port says."""
        await self._points.reach("notifier.before_send")
        verdict = await self._inner.send(letter)
        await self._points.reach("notifier.sent")
        return verdict
