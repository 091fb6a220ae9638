"""Whose token it is."""

from abc import abstractmethod
from typing import Protocol

from python_app_template.core.access.subject import Subject


class Tokens(Protocol):
    """Checks tokens with keys that are at hand: it waits for nothing, so that nobody who asks does."""

    @abstractmethod
    def subject(self, token: str | None) -> Subject:
        """Return whose token it is; None: none was shown.

        Raises Unauthenticated: there is none, it is no token, or not taken; KeysAway: no key was ever seen.
        """
        ...
