"""How often somebody may ask."""

from abc import abstractmethod
from typing import Protocol


class Throttle(Protocol):
    """Counts requests, in a bounded memory."""

    @abstractmethod
    async def hit(self, subject: str) -> None:
        """Count a request of somebody. Raises TooMany."""
        ...

    @abstractmethod
    async def refused(self, address: str) -> None:
        """Count a request of this address that was not let in. Raises TooMany."""
        ...
