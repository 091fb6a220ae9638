"""A slice of the chaos suite in every run of the tests: 300 faults at the least, and nothing wrong after them."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.arena import Arena, arena
from tests.chaos.catalogue import PROCESS, QUICK_LANES
from tests.chaos.rounds import Round
from tests.chaos.schedule import Plan, drawn

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

SEED, SECONDS, FAULTS = 4, 8.0, 300


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Arena]:
    """Nobody else's: they are frozen, cut off and lied to."""
    with arena(tmp_path) as own:
        yield own


def slice_of_chaos() -> Plan:
    """In small batches, so that there is much to break."""
    chance = random.Random(SEED)
    return drawn(chance, SEED, 0, SECONDS, (*QUICK_LANES, PROCESS), keenness=4.0)._replace(
        batch_size=4, compacted=False
    )


def test_nothing_is_lost_doubled_or_out_of_order_after_300_faults(servers: Arena) -> None:
    played = Round(servers, slice_of_chaos())
    tally = played.play(least=FAULTS)
    assert tally.violations == []
    assert tally.findings == []
    assert tally.faults.total() >= FAULTS
    assert sum(count for kind, count in tally.faults.items() if kind.startswith("failpoint.")) > FAULTS / 2
    assert tally.messages
    assert tally.events
    assert tally.answers["acknowledged applied"]
    assert tally.mails["arrived"]
