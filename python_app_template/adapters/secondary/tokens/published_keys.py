"""The issuer's keys, fetched now and then in the background (JWKS): nobody who asks waits for it."""

from collections.abc import Awaitable, Callable, Collection
from math import ceil
from typing import Final, NamedTuple, TypeAlias

import structlog

from python_app_template.adapters.secondary.tokens.key_ring import KeyRing, Keys, published
from python_app_template.core.access.refusals import KeysAway
from python_app_template.core.ports.clock import Clock

REFRESH: Final = 300.0
"""Seconds after which keys are fetched again, so that a new one is known before a token names it."""
MISSED: Final = 30.0
"""Seconds between two attempts, whatever strangers write into their tokens, and while the issuer is away."""
SOON: Final = 2.0
"""Seconds after the first failure, while no key was ever seen; twice as many after each further one."""
SERVE: Final = 86_400.0
"""Seconds for which known keys serve while the issuer is away."""

log = structlog.get_logger(__name__)


class NotFetched(Exception):
    """The issuer's keys could not be had; the text is a line, `code` a word for metrics."""

    def __init__(self, why: str, code: str) -> None:
        super().__init__(why)
        self.code = code


class Standing(NamedTuple):
    """How things are after an attempt."""

    serves: bool
    """Whether tokens can be checked."""
    detail: str
    failed: str = ""
    """The fault's code, when the attempt failed."""


Fetch: TypeAlias = Callable[[], Awaitable[bytes]]
Told: TypeAlias = Callable[[Standing], None]


class PublishedKeys(Keys):
    """Keys of an issuer that may be away. `look` is to be called every second or so, by one task."""

    def __init__(self, fetch: Fetch, algorithms: Collection[str], clock: Clock, told: Told) -> None:
        self._fetch, self._algorithms, self._clock, self._told = fetch, algorithms, clock, told
        self._ring: KeyRing | None = None
        self._document = b""
        self._fetched_at = self._tried_at = float("-inf")
        self._failures = 0
        self._missed = False

    def ring(self) -> KeyRing:  # noqa: D102 - see the protocol
        if self._ring is None or self._age() > SERVE:
            left = self._tried_at + self._pause() - self._clock.monotonic()
            raise KeysAway("the issuer's keys are not known", retry_after=ceil(max(left, 1.0)))
        return self._ring

    def missed(self) -> None:  # noqa: D102 - likewise
        self._missed = True

    async def look(self) -> None:
        """Fetch the keys if it is time to."""
        if self._clock.monotonic() - self._tried_at >= self._pause():
            await self._try()

    def _pause(self) -> float:
        """Return how long one attempt keeps the next one away."""
        if self._ring is None and self._failures:
            return min(SOON * 2.0 ** (self._failures - 1), MISSED)
        return MISSED if self._failures or self._missed else REFRESH

    async def _try(self) -> None:
        self._tried_at, self._missed = self._clock.monotonic(), False
        try:
            self._take(await self._fetch())
        except NotFetched as fault:
            self._failed(fault)
        except ValueError as fault:
            self._failed(NotFetched(f"what it publishes is of no use: {fault}", "unusable"))
        else:
            if self._failures:
                log.info("keys.back", after_failures=self._failures)
            self._failures = 0
            self._told(Standing(serves=True, detail=f"{len(self.ring().keys)} known"))

    def _take(self, document: bytes) -> None:
        if document != self._document or self._ring is None:
            self._ring, self._document = published(document, self._algorithms), document
            log.info("keys.fetched", kids=[key.kid for key in self._ring.keys])
        self._fetched_at = self._clock.monotonic()

    def _failed(self, fault: NotFetched) -> None:
        self._failures += 1
        serves = self._ring is not None and self._age() <= SERVE
        detail = f"the issuer's keys can not be fetched: {fault}"
        if serves:
            detail += f"; those of {self._age():.0f} s ago serve"
        if self._failures == 1:
            log.warning("keys.away", error=str(fault), code=fault.code, serves=serves)
        self._told(Standing(serves, detail, fault.code))

    def _age(self) -> float:
        return self._clock.monotonic() - self._fetched_at
