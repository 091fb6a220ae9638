"""Telling people something, in letters that are written once and sent until they are accepted. Knows no domain."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Letter(NamedTuple):
    """What is sent, the same at each try: whoever gets it twice recognises it by its id."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    """Who is still to get it; nobody: it is for the log."""
    content: bytes
    """All of it, with its headers."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a try. Who is in neither of these has got it."""

    refused: Mapping[str, str] = field(default_factory=dict)
    """Who will never get it, and why."""
    deferred: Mapping[str, str] = field(default_factory=dict)
    """Who may get it at another try, and why not at this one."""


class Notifications(Protocol):
    """A way to people. Everything raises TransientError: it can't be said that anybody has got it; try again."""

    @abstractmethod
    async def probe(self) -> str:
        """See whether the way is free, login included, sending nothing; return what was found, in a few words."""
        ...

    @abstractmethod
    async def send(self, letter: Letter) -> Verdict:
        """Send it. Somebody who has got it may get it again when this raises."""
        ...
