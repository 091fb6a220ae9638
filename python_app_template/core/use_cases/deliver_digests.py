"""Digests out. Yours.

- At most one digest in so many seconds; while one is pending, lines go on being collected.
- It is written down whole before the first try, and sent again as it is until everybody has got it or was refused.
- What can't be sent now is tried again, after longer and longer. What is refused for good is kept, and the next one
  goes on.
"""

from collections.abc import Callable

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.digests import Compose, Digests
from python_app_template.core.ports.notifications import Notifications

LOOK_EVERY = 0.5
"""Seconds between two looks whether a digest is due."""


class DeliverDigests:
    """Each call does what is to be done now, and returns soon; it is called again and again."""

    def __init__(
        self,
        digests: Digests,
        notifications: Notifications,
        compose: Compose,
        clock: Clock,
        delay: Callable[[int], float],
        digest_seconds: float,
        look_seconds: float = LOOK_EVERY,
    ) -> None:
        self._digests, self._notifications, self._compose = digests, notifications, compose
        self._clock, self._delay = clock, delay
        self._seconds, self._look_seconds = digest_seconds, look_seconds
        self._not_before, self._tries = 0.0, 0
        self._free = False

    async def __call__(self) -> None:
        """Write a digest if one is due, and try the one that is pending; what is away is tried later."""
        if self._clock.monotonic() < self._not_before:
            return
        try:
            done = await self._deliver()
        except TransientError:  # whoever watches the adapters has noted it
            done = False
        self._tries = 0 if done else self._tries + 1
        wait = self._look_seconds if done else self._delay(self._tries)
        self._not_before = self._clock.monotonic() + wait

    async def _deliver(self) -> bool:
        if not self._free:  # the way out is looked at before anybody waits for it
            await self._notifications.probe()
            self._free = True
        await self._digests.write(self._seconds, self._compose)
        pending = await self._digests.attempt()
        if pending is None:
            return True
        verdict = await self._notifications.send(pending.letter)
        await self._digests.settle(pending.number, verdict)
        return not verdict.deferred
