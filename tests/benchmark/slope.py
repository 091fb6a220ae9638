"""The slope of a series with its confidence interval: least squares over the means of short blocks."""

from collections.abc import Iterator, Sequence
from math import sqrt
from statistics import NormalDist, fmean, linear_regression
from typing import NamedTuple

CONFIDENCE = 0.95
LEAST_POINTS = 5
"""Below, the quantile's approximation is off by more than a percent."""


class Point(NamedTuple):
    """A value, and when it was."""

    seconds: float
    value: float


class Slope(NamedTuple):
    """Per minute; `low` and `high` bound it with a confidence of 95 %."""

    per_minute: float
    low: float
    high: float


def slope(points: Sequence[Point]) -> Slope:
    """Fit a line. The interval holds for residuals that are independent, see `blocks`. Raises ValueError."""
    if len(points) < LEAST_POINTS:
        raise ValueError(f"a slope needs {LEAST_POINTS} points, not {len(points)}")
    minutes, values = [point.seconds / 60 for point in points], [point.value for point in points]
    line = linear_regression(minutes, values)
    residuals = (y - line.intercept - line.slope * x for x, y in zip(minutes, values, strict=True))
    mean, freedom = fmean(minutes), len(points) - 2
    error = sqrt(sum(r * r for r in residuals) / freedom / sum((x - mean) ** 2 for x in minutes))
    margin = student(freedom) * error
    return Slope(line.slope, line.slope - margin, line.slope + margin)


def blocks(points: Sequence[Point], seconds: float) -> Iterator[Point]:
    """Replace the points of each so many seconds by their mean.

    Samples of a process's memory a second apart are hardly different: taken one by one they would pretend to know the
    slope far better than they do.
    """
    block: list[Point] = []
    for point in points:
        if block and point.seconds >= block[0].seconds + seconds:
            yield _mean(block)
            block = []
        block.append(point)
    if block:
        yield _mean(block)


def _mean(block: Sequence[Point]) -> Point:
    return Point(fmean(point.seconds for point in block), fmean(point.value for point in block))


def student(freedom: int) -> float:
    """The two-sided quantile of Student's t for 95 %.

    Cornish and Fisher's expansion (Abramowitz and Stegun, 26.7.5): within a percent from 3 degrees of freedom on.
    """
    z, n = NormalDist().inv_cdf((1 + CONFIDENCE) / 2), freedom
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3
