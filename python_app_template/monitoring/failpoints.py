"""Faults on demand at named places, off by default: what is reached, and what happens there."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import structlog

from python_app_template.core.delivery.faults import CommitInDoubt, SlowError, TransientError
from python_app_template.settings.failpoints import COMMITTED, CRASH, DELAY, DOUBT, ERROR, OFF, PLACES, Term

log = structlog.get_logger(__name__)


class Failpoint:
    """One place: what happens at each reach, the same for the same seed."""

    def __init__(self, name: str, terms: Sequence[Term], seed: int) -> None:
        self._terms = terms
        self._left = [term.times for term in terms]
        self._random = random.Random(f"{seed} {name}")  # noqa: S311 - nothing is kept secret by it

    def next(self) -> Term | None:
        """Return what is to be done now: the first term that is not used up and whose chance comes; None: nothing."""
        for number, term in enumerate(self._terms):
            left = self._left[number]
            if left == 0 or (term.chance < 100 and self._random.random() * 100 >= term.chance):  # noqa: PLR2004 - percent
                continue
            if left is not None:
                self._left[number] = left - 1
            return None if term.action == OFF else term
        return None


class Failpoints:
    """All that are set; empty when none is."""

    def __init__(self, points: Mapping[str, Sequence[Term]], seed: int) -> None:
        self._points = {name: Failpoint(name, terms, seed) for name, terms in points.items()}

    def __bool__(self) -> bool:
        """Whether any is set: where none is, nothing is wrapped."""
        return bool(self._points)

    async def reach(self, name: str) -> None:
        """Let happen what is set; others go on during a delay. Raises TransientError, SlowError, CommitInDoubt."""
        term = self._hit(name)
        if term is not None and term.action == DELAY:
            await asyncio.sleep(term.seconds)
        elif term is not None:
            _act(name, term)

    def reach_in_thread(self, name: str) -> None:
        """As `reach`, on a thread that may be held up."""
        term = self._hit(name)
        if term is not None and term.action == DELAY:
            time.sleep(term.seconds)
        elif term is not None:
            _act(name, term)

    def in_thread(self) -> Callable[[str], None]:
        """Return what is told of the points inside the publisher."""
        return self.reach_in_thread if self else _nothing

    def _hit(self, name: str) -> Term | None:
        failpoint = self._points.get(name)
        term = failpoint.next() if failpoint else None
        if term is not None:
            log.warning("failpoint.hit", point=name, action=term.action, seconds=term.seconds)
        return term


def _nothing(_name: str) -> None:
    """No failpoint is set."""


def _act(name: str, term: Term) -> NoReturn:
    text = f"failpoint {name}"
    if term.action == CRASH:
        crash()
    if term.action == DOUBT or (term.action == ERROR and PLACES[name].takes is COMMITTED):
        raise CommitInDoubt(text, code=term.code)
    raise (TransientError if term.action == ERROR else SlowError)(text, code=term.code)


def crash() -> NoReturn:
    """End this process as `kill -9` would: nothing is cleaned up but the log, which tells of it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL was survived")
