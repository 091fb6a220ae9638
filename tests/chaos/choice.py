"""Some of the kinds of faults, by name: for rounds that are to have these alone."""

from collections.abc import Collection, Iterator
from itertools import groupby
from operator import attrgetter

from python_app_template.settings.failpoints import CRASH, DELAY, DOUBT, ERROR, SLOW
from tests.chaos.catalogue import LONG_LANES, QUICK_LANES, SLOW_LANES, Lane

COMPACTED = "log.compacted"
EXPIRED = "failpoint.transaction_expired"


def at_failpoint(action: str) -> str:
    """Return the kind that an action at a failpoint is."""
    return f"failpoint.{action}"


LANES = sorted((*QUICK_LANES, *SLOW_LANES, *LONG_LANES), key=attrgetter("name"))
KINDS = frozenset(
    [
        *(kind.name for lane in LANES for kind in lane.kinds),
        *map(at_failpoint, (CRASH, DELAY, SLOW, DOUBT, ERROR)),
        EXPIRED,
        COMPACTED,
    ]
)
"""All that there are."""


def chosen(text: str) -> frozenset[str]:
    """Return the kinds that names with a comma between them mean: each a kind, or what stands before its dot.

    Raises ValueError with what there is, for a name that is neither.
    """
    return frozenset(kind for name in text.split(",") for kind in _meant(name.strip()))


def lanes_with(kinds: Collection[str]) -> list[Lane]:
    """Return the lanes with these kinds alone; what is done to the same is one lane."""
    return [lane for _, same in groupby(LANES, attrgetter("name")) for lane in _left([*same], kinds)]


def _meant(name: str) -> frozenset[str]:
    found = frozenset(kind for kind in KINDS if name in {kind, kind.partition(".")[0]})
    if not found:
        raise ValueError(f"no kind of fault {name!r}; there are {', '.join(sorted(KINDS))}")
    return found


def _left(lanes: list[Lane], kinds: Collection[str]) -> Iterator[Lane]:
    left = tuple(kind for lane in lanes for kind in lane.kinds if kind.name in kinds)
    if left:
        yield lanes[0]._replace(kinds=left)
