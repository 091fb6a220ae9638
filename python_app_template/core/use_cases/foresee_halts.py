"""What would stand still from the start on, said before it: the service starts, and its healthy parts go on."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from python_app_template.core.delivery.faults import FatalError, TransientError
from python_app_template.core.ports.checks import Check, CheckDoubtful
from python_app_template.core.use_cases.show_positions import Consumed, Published, ShowPositions

FINE = frozenset({"", "unclaimed"})
WORDS = {
    "not_consumed": "no longer the input topic",
    "missing": "the topic has no such partition",
}
"""In words, what is no reason for a halt."""

REMEDY = "`python-app-template positions` shows them, docs/operations.md has each reason"


def checks(show: ShowPositions, *, worker: bool, relay: bool) -> list[Check]:
    """Return those of these roles; none of them keeps the service from starting."""
    ours = [Check("positions", partial(positions, show.consumed))] if worker else []
    return [*ours, Check("way out", partial(way_out, show.published))] if relay else ours


async def positions(look: Callable[[], Awaitable[Sequence[Consumed]]]) -> str:
    """Every row is ours, of the topic that is there, and within its log."""
    with _asking():
        found = await look()
    if doubts := [_doubt(one) for one in found if one.state not in FINE]:
        raise CheckDoubtful("; ".join(doubts), REMEDY)
    return f"{len(found)} partitions"


async def way_out(look: Callable[[], Awaitable[Published]]) -> str:
    """The database is the one that was published from."""
    with _asking():
        found = await look()
        if found.halted is not None:
            found = await look()  # a relay at work may have come in between
    if found.halted is not None:
        raise CheckDoubtful(str(found.halted), found.halted.remedy)
    return f"published {found.cursor.number if found.cursor else 'nothing'} of {found.last}"


def _doubt(found: Consumed) -> str:
    return f"{found.partition.topic}, partition {found.partition.number}: {WORDS.get(found.state, found.state)}"


@contextmanager
def _asking() -> Iterator[None]:
    """Wait for what is away, and let the other checks judge it; what we may not look at is not waited for."""
    try:
        yield
    except (TransientError, FatalError) as fault:
        forbidden = isinstance(fault, TransientError) and fault.code.endswith("AUTHORIZATION_FAILED")
        remedy = "see what the checks of database and broker say"
        raise CheckDoubtful(f"can not be looked at: {fault}", remedy, passing=not forbidden) from fault
