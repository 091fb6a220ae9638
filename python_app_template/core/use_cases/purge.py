"""Forget what is done with and older than a date: an operator's decision, written down."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.forgetting import FIRST, Forgetting


class CannotPurge(Exception):
    """Says in one line why not."""


class Purge:
    """Piece by piece, so that nobody waits for long and an interruption loses nothing.

    - What is forgotten changes no stock and no later event; but its ids are new ones from then on.
    - The run is written down before anything goes, and grows with each piece.
    """

    def __init__(self, forgetting: Forgetting, clock: Clock) -> None:
        self._forgetting, self._clock = forgetting, clock

    async def __call__(
        self, before: datetime, *, dry_run: bool = False, looked_at: Callable[[int], None] = lambda _: None
    ) -> Mapping[str, int]:
        """Return how many of each kind went, or would. Raises CannotPurge, TransientError."""
        if before > self._clock.now():
            raise CannotPurge(f"--before {before.isoformat()} is still to come; what is in use now can't be forgotten")
        run = None if dry_run else await self._forgetting.begin(before)
        total: Counter[str] = Counter()
        after: str | None = FIRST
        while after is not None:
            piece = await self._forgetting.forget(run, before, after)
            total.update(piece.forgotten)
            looked_at(piece.looked_at)
            after = piece.after
        if run is not None:
            await self._forgetting.finish(run)
        return dict(total)
