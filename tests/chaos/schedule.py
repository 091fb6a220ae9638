"""What befalls the service in a round, and when: data, made from the seed and the round's number alone."""

import random
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from python_app_template.settings.failpoints import CRASH, DELAY, DOUBT, ERROR, PLACES
from tests.chaos.catalogue import LANES, PROCESSES, Lane

MESSAGES_A_SECOND = (150, 400)

CHANCES = {CRASH: 0.1, ERROR: 1.5, DOUBT: 1.5, DELAY: 2.0}
"""In percent, of each reach of a failpoint."""

LONG_DELAYS = {"relay.frames_produced": 3.0, "relay.cursor_produced": 3.0}
"""Seconds, beyond the transaction's time-out: there a delay is its expiry."""


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
    processes: tuple[Process, ...]
    faults: tuple[Fault, ...]


def plan(seed: int, number: int, seconds: float, lanes: Sequence[Lane] = LANES, keenness: float = 1.0) -> Plan:
    """Draw a round. The same arguments make the same plan; `keenness` multiplies how often failpoints strike."""
    chance = random.Random(f"{seed}/{number}")
    roles = ["worker,relay", "worker,relay", chance.choice(["worker,relay", "worker", "relay"])]
    if chance.random() < 0.3:
        roles = ["worker", "relay", chance.choice(["worker,relay", "worker", "relay"])]
    processes = tuple(Process(role, failpoints(chance, keenness)) for role in roles[:PROCESSES])
    every = chain.from_iterable(
        lane_faults(chance, lane, target, seconds) for lane in lanes for target in range(lane.targets)
    )
    return Plan(
        seed,
        number,
        seconds,
        group_protocol=chance.choice(["classic", "classic", "consumer"]),
        batch_size=chance.choice([5, 20, 20, 100]),
        messages_a_second=chance.randint(*MESSAGES_A_SECOND),
        processes=processes,
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


def failpoints(chance: random.Random, keenness: float) -> str:
    """Draw what shall happen at each failpoint, as `APP_FAILPOINTS__POINTS` takes it."""
    return ";".join(f"{name}={'->'.join(terms(name, chance, keenness))}" for name in PLACES)


def terms(name: str, chance: random.Random, keenness: float) -> Iterator[str]:
    """All that may happen at one, in turn; the first that the dice of the process allow."""
    for action in sorted(CHANCES.keys() & set(PLACES[name].takes)):
        percent = f"{CHANCES[action] * keenness:g}%"
        if action == DELAY and name in LONG_DELAYS and chance.random() < 0.5:
            yield f"0.3%delay({LONG_DELAYS[name]:g})"
        elif action == DELAY:
            yield f"{percent}delay({chance.choice([0.01, 0.05, 0.3])})"
        else:
            yield percent + action
