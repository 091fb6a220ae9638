"""Each dead letter goes back once, however often replaying is interrupted and repeated."""

from collections.abc import Sequence
from contextlib import suppress

import pytest

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.returning import Fate, Letter, Origin, Place, Selection
from python_app_template.core.use_cases.replay_dead_letters import Bounds, ReplayDeadLetters
from tests.fakes.dead_letters import FakeDeadLetters, FakeOversized
from tests.fakes.faults import Fault

IN = Partition("in", 0)
ALL = Selection()


def letter(
    number: int, *, attempts: int = 0, value: bytes = b"v", topic: str = "in", truncated: int | None = None
) -> Letter:
    origin = Origin(Partition(topic, 0), number, 0)
    return Letter(Place(number % 2, number), number, b"k", value, (), origin, "failed", "", attempts, truncated)


class Told:
    """What the use case tells."""

    def __init__(self) -> None:
        self.fates: dict[Place, Fate] = {}

    def __call__(self, letter: Letter, fate: Fate) -> None:
        assert letter.place not in self.fates, "told twice"
        self.fates[letter.place] = fate

    def of(self, fate: Fate) -> int:
        return [*self.fates.values()].count(fate)


class Surroundings:
    """A topic of dead letters, and replays of it."""

    def __init__(self, letters: Sequence[Letter]) -> None:
        self.topic, self.oversized = FakeDeadLetters([*letters]), FakeOversized()

    def replaying(self, told: Told, bounds: Bounds) -> ReplayDeadLetters:
        return ReplayDeadLetters(self.topic, self.topic.open_returns, self.oversized, bounds, told)

    async def replay(self, wanted: Selection = ALL, bounds: Bounds | None = None) -> Told:
        told = Told()
        await self.replaying(told, bounds or Bounds("in"))(wanted)
        return told

    @property
    def sent(self) -> list[Place]:
        return [letter.place for letter in self.topic.sent]


def places(*numbers: int) -> list[Place]:
    return sorted(Place(number % 2, number) for number in numbers)


async def test_all_go_back_in_their_order_and_the_second_time_none() -> None:
    world = Surroundings([letter(n) for n in range(7)])
    first, second = await world.replay(), await world.replay()
    assert world.sent == places(*range(7))
    assert first.of(Fate.SENT) == second.of(Fate.RETURNED) == 7


async def test_only_those_that_are_meant_go_back() -> None:
    world = Surroundings([letter(n) for n in range(7)])
    told = await world.replay(Selection(first=2, last=4))
    assert world.sent == places(2, 3, 4)
    assert len(told.fates) == 3


async def test_those_that_stay_are_told_of() -> None:
    world = Surroundings([letter(0, attempts=3), letter(1, topic="other"), letter(2, attempts=2)])
    told = await world.replay()
    assert told.fates == {Place(0, 0): Fate.EXHAUSTED, Place(1, 1): Fate.FOREIGN, Place(0, 2): Fate.SENT}
    assert world.sent == places(2)


async def test_a_truncated_one_goes_back_with_its_bytes_or_stays() -> None:
    world = Surroundings([letter(0, value=b"", truncated=3), letter(2, value=b"", truncated=3)])
    world.oversized.kept[Place(0, 0)] = b"abc"
    told = await world.replay()
    assert [sent.value for sent in world.topic.sent] == [b"abc"]
    assert told.fates == {Place(0, 0): Fate.SENT, Place(0, 2): Fate.BYTES_LOST}


async def test_a_transaction_is_bounded_by_number_and_by_bytes() -> None:
    world = Surroundings([letter(2 * n) for n in range(5)])
    await world.replay(bounds=Bounds("in", chunk=2))
    assert world.topic.chunks == [2, 2, 1]
    world = Surroundings([letter(2 * n, value=b"v" * size) for n, size in enumerate([3, 3, 100, 3, 3, 3])])
    await world.replay(bounds=Bounds("in", chunk_bytes=10))
    assert world.topic.chunks == [2, 1, 2, 1], "keys count too"
    world = Surroundings([letter(2 * n, value=b"v" * 4) for n in range(5)])
    await world.replay(bounds=Bounds("in", chunk_bytes=10))
    assert world.topic.chunks == [2, 2, 1], "as many as may be, to the last byte"


async def test_so_many_go_back_at_the_most_and_the_next_time_the_next() -> None:
    world = Surroundings([letter(2 * n) for n in range(7)])
    for expected in (3, 6, 7, 7):
        await world.replay(bounds=Bounds("in", most=3, chunk=2))
        assert world.sent == places(*range(0, 2 * expected, 2))


async def test_no_more_is_read_than_is_wanted() -> None:
    world = Surroundings([letter(2 * n) for n in range(100)])
    await world.replay(bounds=Bounds("in", most=3))
    assert world.topic.read == 2


@pytest.mark.parametrize("fault", [Fault.TRANSIENT, Fault.LOST, Fault.DEATH, Fault.DEATH_AFTER])
@pytest.mark.parametrize("call", [1, 2, 4])
async def test_interrupted_and_repeated_it_doubles_nothing(fault: Fault, call: int) -> None:
    world = Surroundings([letter(n) for n in range(10)])
    world.topic.faults.script[call] = fault
    with pytest.raises((TransientError, SystemExit)):
        await world.replay(bounds=Bounds("in", chunk=3))
    await world.replay(bounds=Bounds("in", chunk=3))
    assert world.sent == places(*range(10))


async def test_what_is_told_as_sent_is_committed() -> None:
    world, told = Surroundings([letter(n) for n in range(10)]), Told()
    world.topic.faults.script[2] = Fault.DEATH
    with suppress(SystemExit):
        await world.replaying(told, Bounds("in", chunk=3))(ALL)
    assert [*told.fates] == world.sent == places(0, 2, 4)


async def test_a_second_replay_takes_over_from_the_first() -> None:
    world, second = Surroundings([letter(n) for n in range(10)]), Told()

    class Interrupted(Told):
        def __call__(self, letter: Letter, fate: Fate) -> None:
            super().__call__(letter, fate)
            world.topic.fence += 1  # as the second one does

    with pytest.raises(TransientError) as fenced:
        await world.replaying(Interrupted(), Bounds("in", chunk=3))(ALL)
    assert fenced.value.code == "FENCED"
    await world.replaying(second, Bounds("in", chunk=3))(ALL)
    assert world.sent == places(*range(10))
    assert (second.of(Fate.RETURNED), second.of(Fate.SENT)) == (3, 7)


async def test_a_rehearsal_tells_and_does_nothing() -> None:
    world, told = Surroundings([letter(0), letter(1, attempts=3), letter(2)]), Told()
    world.topic.marks.add(Place(0, 2))
    await world.replaying(told, Bounds("in")).rehearse(ALL)
    expected = {Place(0, 0): Fate.SENT, Place(0, 2): Fate.RETURNED, Place(1, 1): Fate.EXHAUSTED}
    assert [*told.fates.items()] == [*expected.items()], "in order"
    assert (world.sent, world.topic.fence) == ([], 0)
