"""How long to wait before the next try: longer each time, and never the same for two workers."""

import random

from python_app_template.core.ports.clock import Clock


class Backoff:
    """Exponential, from `first` to `longest` seconds, the upper half of it by chance.

    Chance, so that workers that failed together do not try again together: M. Brooker, "Exponential Backoff and
    Jitter", AWS Architecture Blog, 2015 ("equal jitter").
    """

    def __init__(self, clock: Clock, *, first: float, longest: float) -> None:
        self._clock, self._first, self._longest = clock, first, longest

    async def __call__(self, tries: int) -> None:
        """Wait after so many tries, 1 or more."""
        await self._clock.sleep(self.seconds(tries))

    def seconds(self, tries: int) -> float:
        """How long to wait after so many."""
        full = min(self._first * 2 ** min(tries - 1, 30), self._longest)
        return float(full / 2 + random.uniform(0, full / 2))  # noqa: S311 - spreads load, keeps no secret
