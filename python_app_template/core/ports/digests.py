"""Where digests are kept while they are collected and until they are accepted. Yours."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias

from python_app_template.core.delivery.following import Place
from python_app_template.core.domain.shortages import Digest, Shortage
from python_app_template.core.ports.following import Stretch
from python_app_template.core.ports.notifications import Letter, Verdict


class Ended(NamedTuple):
    """A digest whose collecting has ended."""

    digest: Digest
    since: datetime
    """When its first line was collected (UTC)."""
    starts: Mapping[int, int]
    """By partition, the first offset that it tells of, and the one after the last."""
    ends: Mapping[int, int]


class Pending(NamedTuple):
    """A digest that is being sent; `tries` counts this try too."""

    number: int
    letter: Letter
    tries: int


class Standing(NamedTuple):
    """How much is not told yet: digests that are written, and lines, those that are still collected included."""

    digests: int
    lines: int


Compose: TypeAlias = Callable[[Ended], Letter]


class Digests(Protocol):
    """One digest that collects, one that is sent, at the most: what is kept does not grow with what is out of stock.

    It belongs to one topic. Everything raises TransientError.
    """

    @abstractmethod
    async def place(self) -> Place | None:
        """How far the topic was read; None: never."""
        ...

    @abstractmethod
    async def begin(self, place: Place) -> bool:
        """Write down where to read from, unless that was done before: whether it is this one."""
        ...

    @abstractmethod
    async def put(self, place: Place) -> None:
        """Write down where to read on."""
        ...

    @abstractmethod
    async def collect(self, starts: Mapping[int, int], stretch: Stretch[Shortage]) -> None:
        """Keep what a stretch brought, and move the place from these offsets to its own: both or neither.

        Raises TransientError, code `raced`, when the place is not there: somebody else has read on.
        """
        ...

    @abstractmethod
    async def write(self, seconds: float, compose: Compose) -> bool:
        """End collecting and keep the letter, if it is time: whether it was.

        It is when the first line was collected so long ago, the last digest was settled so long ago, and none is
        pending.
        """
        ...

    @abstractmethod
    async def attempt(self) -> Pending | None:
        """Count a try of the digest that is pending, for good, and return it; None: there is none."""
        ...

    @abstractmethod
    async def settle(self, number: int, verdict: Verdict) -> str | None:
        """Note what became of a try; return `sent` or `failed` if that was the last one.

        None: somebody may get it at another try, or it was settled before. Idempotent.
        """
        ...

    @abstractmethod
    async def standing(self) -> Standing:
        """How much is not told yet."""
        ...
