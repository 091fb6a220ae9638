"""What has to be true of the outside before the service starts, each in the words of whoever has to mend it."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple


class CheckFailed(Exception):
    """`found` is what is wrong, `remedy` what to do; `passing`: it may come right by itself, so it is waited for."""

    def __init__(self, found: str, remedy: str, *, passing: bool = False) -> None:
        super().__init__(f"{found}; {remedy}")
        self.found, self.remedy, self.passing = found, remedy, passing


class CheckDoubtful(Exception):
    """`found` is not as it should be, but the service starts: a part of it may halt, or a person should look.

    `passing` as above.
    """

    def __init__(self, found: str, remedy: str, *, passing: bool = False) -> None:
        super().__init__(f"{found}; {remedy}")
        self.found, self.remedy, self.passing = found, remedy, passing


class Check(NamedTuple):
    """`look` returns what it found, in a few words, or raises CheckFailed or CheckDoubtful; it changes nothing."""

    name: str
    look: Callable[[], Awaitable[str]]
