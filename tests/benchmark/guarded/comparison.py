"""What has grown since the baseline was made, beyond what a figure of its kind varies by from run to run."""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

Figures: TypeAlias = Mapping[str, float]
"""Name to value; the parts of a name are divided by `/`, and the last or the last but one says what is counted."""


class Family(NamedTuple):
    """Figures whose name contains `words`: by what share they may be larger than the baseline's, and why so much."""

    words: str
    may_grow: float
    why: str


FAMILIES: Final = (
    Family("statements per", 0.0, "counted; the same in all of five runs"),
    Family("round trips per", 0.01, "a cursor's end may or may not share another's trip: 0.2 % in five runs"),
    Family("bytes sent per", 0.001, "numbers get longer; 0.0002 % in five runs"),
    Family("WAL bytes per", 0.005, "a page may split a row earlier; 0.0001 % in five runs, one build of PostgreSQL"),
    Family("outbox bytes per", 0.001, "the same to the byte in all of five runs"),
    Family("bytes per event", 0.001, "the same to the byte in all of five runs"),
    Family(
        "calls per", 0.005, "the same in all of five runs; the library of a patch release may differ by a call a batch"
    ),
    Family("instructions per", 0.005, "likewise"),
    Family(
        "blocks kept per", 0.02, "where objects lie decides how some sets grow: 0.5 % in five runs, 1 % of small ones"
    ),
    Family("bytes at the peak per", 0.01, "likewise: 0.5 % in five runs"),
)


class Comparison(NamedTuple):
    """A line for each figure."""

    faults: list[str]
    """Of those that grew, or are no longer measured."""
    gains: list[str]
    """Of those that may now be held to less than the baseline has."""


def compare(measured: Figures, baseline: Figures) -> Comparison:
    """Hold what was measured against the baseline."""
    faults: list[str] = []
    gains: list[str] = []
    for name in sorted(measured.keys() | baseline.keys()):
        tolerance, now, then = family(name), measured.get(name), baseline.get(name)
        if now is None:
            lines = gains if _may_vanish(name) else faults
            lines.append(f"{name}: is in the baseline with {then:g}, and was not measured")
        elif then is None:
            faults.append(f"{name}: {now:.6g}, and the baseline has none")
        elif now > then * (1 + tolerance.may_grow) + ROUNDING:
            faults.append(f"{name}: {_change(now, then)}; it may grow by {tolerance.may_grow:.1%}: {tolerance.why}")
        elif now < then * (1 - tolerance.may_grow) - ROUNDING:
            gains.append(f"{name}: {_change(now, then)}")
    return Comparison(faults, gains)


ROUNDING: Final = 1e-6
"""The baseline's file has six decimals."""


def family(name: str) -> Family:
    """Return what is said of figures of this kind. Raises LookupError: nothing is."""
    for one in FAMILIES:
        if one.words in name:
            return one
    raise LookupError(f"{name}: nothing says how much it may grow; add its kind to FAMILIES")


def _may_vanish(name: str) -> bool:
    """A kind of statement may go for good; everything else is always measured."""
    return "statements per" in name


def _change(now: float, then: float) -> str:
    share = f" ({now / then - 1:+.1%})" if then else ""
    return f"{now:.6g} instead of {then:.6g}{share}"
