"""Tell people what is out of stock: one process at a time collects and delivers. Yours."""

from collections.abc import Awaitable, Callable

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.publishing import Lead, Term
from python_app_template.core.use_cases.collect_shortages import CollectShortages
from python_app_template.core.use_cases.queue_for_term import queued
from python_app_template.core.use_cases.settle_batch import Pause


class Notify:
    """The term keeps others from doing the same work; what is kept is safe without it, every step being conditional."""

    def __init__(
        self, lead: Lead, collect: CollectShortages, deliver: Callable[[], Awaitable[None]], pause: Pause
    ) -> None:
        self._lead, self._collect, self._deliver, self._pause = lead, collect, deliver, pause
        self._draining, self._tries = False, 0

    def drain(self) -> None:
        """End after the step in hand: what is collected is kept, and goes out with the next digest."""
        self._draining = True

    async def begin(self) -> None:
        """Settle from where on people are told; tried until it is done.

        Needs no term, and to be awaited before anybody is told that this process is ready: what happens from then on,
        people are told of.
        """
        while True:
            try:
                await self._collect.begin()
            except TransientError:
                await self._wait_to_try_again()
            else:
                return

    async def __call__(self) -> None:
        """Run until drained. Raises FatalError, and whatever is a bug."""
        while not self._draining:
            try:
                async with self._lead() as term:
                    await queued(term, lambda: self._draining)
                    await self._serve(term)
            except TransientError:
                await self._wait_to_try_again()

    async def _serve(self, term: Term) -> None:
        async def goes_on() -> bool:
            self._tries = 0
            await self._deliver()
            return await self._has(term)

        while await self._has(term):
            try:
                await self._collect(goes_on)
            except TransientError:  # a digest may be due though nothing can be read
                await self._wait_to_try_again()
                await self._deliver()

    async def _has(self, term: Term) -> bool:
        return not self._draining and await term.holds()

    async def _wait_to_try_again(self) -> None:
        self._tries += 1
        await self._pause(self._tries)
