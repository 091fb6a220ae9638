"""One order out of many partial ones, in time that grows with what is given and no faster."""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

Node: TypeAlias = tuple[int, ...]
"""The place of a message; and which time it was applied, when it was more than once."""


class Merging:
    """Collects what came before what; `order` puts all in one order that keeps to it."""

    def __init__(self) -> None:
        self._numbers: dict[Node, int] = {}
        self._places: list[Node] = []
        self._after: list[list[int]] = []
        self._waiting: list[int] = []

    def add(self, places: Iterable[Node]) -> None:
        """Add places that follow each other."""
        numbers = [self._number(place) for place in places]
        for before, after in pairwise(numbers):
            self._precede(before, after)

    def precede(self, before: Node, after: Node) -> None:
        """Note that one comes before the other."""
        if before != after:
            self._precede(self._number(before), self._number(after))

    def order(self) -> tuple[Sequence[Node], Sequence[Node]]:
        """Return all in an order that keeps to what is known; then those that contradict it, put where they fit least.

        Kahn's algorithm. Where nothing may come next, the first that is left is taken, and told.
        """
        waiting, done = [*self._waiting], [False] * len(self._places)
        ready = deque(n for n, count in enumerate(waiting) if not count)
        ordered: list[Node] = []
        stuck: list[Node] = []
        first_left = 0
        while len(ordered) < len(self._places):
            if not ready:
                while done[first_left]:
                    first_left += 1
                stuck.append(self._places[first_left])
                ready.append(first_left)
            number = ready.popleft()
            done[number] = True
            ordered.append(self._places[number])
            for after in self._after[number]:
                waiting[after] -= 1
                if not waiting[after] and not done[after]:
                    ready.append(after)
        return ordered, stuck

    def _precede(self, before: int, after: int) -> None:
        self._after[before].append(after)
        self._waiting[after] += 1

    def _number(self, place: Node) -> int:
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = len(self._places)
            self._places.append(place)
            self._after.append([])
            self._waiting.append(0)
        return number
