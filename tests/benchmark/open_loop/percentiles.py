"""Durations kept in an HdrHistogram: bounded memory, three significant digits from a microsecond to an hour."""

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

LONGEST = 3_600_000_000
SHOWN = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99_9": 99.9, "max": 100.0}
MICROSECONDS = 1000
"""Nanoseconds of one; also microseconds of a millisecond."""


class Durations:
    """Recorded in nanoseconds, told in milliseconds."""

    def __init__(self, nanoseconds: Iterable[int] = ()) -> None:
        self._histogram = HdrHistogram(1, LONGEST, 3)
        for each in nanoseconds:
            self.record(each)

    def record(self, nanoseconds: int) -> None:
        """Count one; what is longer than an hour counts as an hour, and less than a microsecond as one."""
        self._histogram.record_value(min(max(nanoseconds // MICROSECONDS, 1), LONGEST))

    def milliseconds(self) -> dict[str, float]:
        """By name of the percentile; the largest is exact to three digits as well."""
        return {
            name: self._histogram.get_value_at_percentile(percentile) / MICROSECONDS
            for name, percentile in SHOWN.items()
        }
