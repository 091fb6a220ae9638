"""Medians, spreads, noise: when a rate is steady, and when a target is met."""

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

WINDOWS = 3
"""So many in a row have to agree before anything is measured."""

TOLERANCE = 0.1
"""How far the least of them may be below the most, as a share of their mean."""


def agree(rates: Sequence[float], tolerance: float = TOLERANCE) -> bool:
    """Whether the last windows have the same rate, near enough, and one at all."""
    last = rates[-WINDOWS:]
    if len(last) < WINDOWS or min(last) <= 0:
        return False
    return max(last) - min(last) <= tolerance * statistics.mean(last)


class Spread(NamedTuple):
    """Of the same figure, taken several times."""

    median: float
    least: float
    most: float
    times: int


def spread(values: Iterable[float]) -> Spread:
    """Raise statistics.StatisticsError when there is none."""
    found = sorted(values)
    return Spread(statistics.median(found), found[0], found[-1], len(found))


def noise(first: Sequence[float], again: Sequence[float]) -> float:
    """How far apart the same thing is from itself, as a share: the most of all pairs of one round."""
    return max((abs(b / a - 1) for a, b in zip(first, again, strict=True)), default=0.0)


def is_met(figure: float, target: float, noise: float, *, at_most: bool = False) -> bool:
    """Whether it meets the target even if it is as far off as the noise says."""
    return figure * (1 + noise) < target if at_most else figure * (1 - noise) >= target
