"""What befalls the service in a round, and when: data, made from the seed and the round's number alone."""

import random
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from python_app_template.settings.failpoints import CRASH, DELAY, DOUBT, ERROR, PLACES, SLOW
from tests.chaos.catalogue import LONG_DELAYS, LONG_LANES, QUICK_LANES, SLOW_LANES, Lane
from tests.chaos.choice import COMPACTED, EXPIRED, KINDS, at_failpoint, lanes_with

MESSAGES_A_SECOND = (150, 400)
FULL_BATCH, FULL_MESSAGES_A_SECOND = 5000, 40_000
"""The benchmark's batches, and more than any worker has done."""

CHANCES = {CRASH: 0.05, DELAY: 3.0, SLOW: 0.3, DOUBT: 3.0, ERROR: 3.0}
"""In percent, of each reach of a failpoint, where they strike as a rule."""

ASKED = "api,projector,notifier"
"""Roles beside worker and relay."""

COMPACTED_SHARE = 0.3
"""Of all rounds."""

CYCLE, LONG_ROUNDS = 16, {7: LONG_LANES[0], 15: LONG_LANES[1]}
"""Of so many rounds these are long: a server is away for a minute."""


class Fault(NamedTuple):
    """One fault: `at` seconds after the round's begin, lasting `seconds`, on one of the lane's targets."""

    at: float
    lane: str
    kind: str
    target: int
    seconds: float
    draw: int
    """Whatever else has to be chosen is chosen by this number."""


class Process(NamedTuple):
    """How one of the service's processes is set up."""

    roles: str
    failpoints: str


class Plan(NamedTuple):
    """A round."""

    seed: int
    number: int
    seconds: float
    group_protocol: str
    batch_size: int
    messages_a_second: int
    compacted: bool
    """Whether the input topic begins with the gaps of compaction."""
    processes: tuple[Process, ...]
    faults: tuple[Fault, ...]
    full_speed: bool = False
    """Whether batches and messages are those that the benchmark has, as many as are taken."""

    def at_full_speed(self) -> "Plan":
        """The same faults in large batches, of which there is always another one."""
        return self._replace(full_speed=True, batch_size=FULL_BATCH, messages_a_second=FULL_MESSAGES_A_SECOND)


def plan(seed: int, number: int, seconds: float, *, slow: bool = False, only: Collection[str] = ()) -> Plan:
    """Draw a round: all kinds together, quick ones and many, slow ones, or a single lane of these; or a long one.

    The same seed and number make the same plan. `slow` leaves out the rounds without slow ones. With kinds in `only`
    each round has these, one after the other where they are done to the same, and no others.
    """
    chance = random.Random(f"{seed}/{number}")
    if only:
        return drawn(chance, seed, number, seconds, lanes_with(only), 1.0, only)
    alone = chance.choice(SLOW_LANES)
    choices = [((*QUICK_LANES, *SLOW_LANES), 2.0), (QUICK_LANES, 4.0), (SLOW_LANES, 0.5), ((alone,), 0.2)]
    ((lanes, keenness),) = chance.choices(choices, weights=[1, 0, 0, 0] if slow else [3, 2, 3, 2])
    if long := LONG_ROUNDS.get(number % CYCLE):
        lanes, keenness = (long,), 0.5
    return drawn(chance, seed, number, seconds, lanes, keenness)


def drawn(
    chance: random.Random,
    seed: int,
    number: int,
    seconds: float,
    lanes: Sequence[Lane],
    keenness: float,
    kinds: Collection[str] = KINDS,
) -> Plan:
    """Draw a round of these lanes; `keenness` multiplies how often failpoints strike, if it is with one of `kinds`."""
    both, worker, relay = "worker,relay", "worker", "relay"
    whole, asked = f"{both},{ASKED}", ASKED
    crews = [(whole, whole, worker), (both, both, asked), (whole, relay, asked), (worker, f"{relay},{asked}", worker)]
    (crew,) = chance.choices(crews, weights=[3, 1, 1, 1])
    every = chain.from_iterable(
        lane_faults(chance, lane, target, seconds) for lane in lanes for target in range(lane.targets)
    )
    return Plan(
        seed,
        number,
        seconds,
        group_protocol=chance.choice(["classic", "classic", "consumer"]),
        batch_size=chance.choice([4, 10, 10, 50]),
        messages_a_second=chance.randint(*MESSAGES_A_SECOND),
        compacted=chance.random() < COMPACTED_SHARE and COMPACTED in kinds,
        processes=tuple(Process(role, failpoints(chance, keenness, kinds)) for role in crew),
        faults=tuple(sorted(every)),
    )


def lane_faults(chance: random.Random, lane: Lane, target: int, seconds: float) -> Iterator[Fault]:
    """Draw faults of one target, one after the other."""
    at = chance.expovariate(1 / lane.pause)
    while at < seconds:
        (kind,) = chance.choices(lane.kinds, [kind.weight for kind in lane.kinds])
        lasting = chance.uniform(kind.shortest, kind.longest)
        yield Fault(round(at, 3), lane.name, kind.name, target, round(lasting, 3), chance.randrange(2**31))
        at += lasting + chance.expovariate(1 / lane.pause)


def failpoints(chance: random.Random, keenness: float, kinds: Collection[str]) -> str:
    """Draw what shall happen at each failpoint, as `APP_FAILPOINTS__POINTS` takes it."""
    served = [name for name in PLACES if not name.startswith("replay.")]
    drawn = {name: [*terms(name, chance, keenness, kinds)] for name in served}
    return ";".join(f"{name}={'->'.join(found)}" for name, found in drawn.items() if found)


def terms(name: str, chance: random.Random, keenness: float, kinds: Collection[str]) -> Iterator[str]:
    """All that may happen at one, in turn; the first that the dice of the process allow."""
    for action in (action for action in CHANCES if action in PLACES[name].takes):
        percent, wanted = f"{CHANCES[action] * keenness:g}%", at_failpoint(action) in kinds
        expires = action == DELAY and name in LONG_DELAYS and (chance.random() < 0.5 or not wanted)
        if expires and EXPIRED in kinds:
            yield f"{2 * min(keenness, 1):g}%delay({LONG_DELAYS[name]:g})"
        elif action == DELAY and wanted:
            yield f"{percent}delay({chance.choice([0.005, 0.02, 0.1])})"
        elif wanted:
            yield percent + action
