"""When orders are due: at random, as independent customers come, so that nothing that polls can keep step with them."""

import random
from collections.abc import Iterator

NANOSECONDS = 1_000_000_000


def due(rate: float, count: int, seed: int) -> Iterator[int]:
    """A Poisson process: nanoseconds from the beginning on, ascending; `rate` is the mean per second.

    The same for the same seed, so that sender and reader need not talk.
    """
    chance, at = random.Random(seed), 0.0
    for _ in range(count):
        at += chance.expovariate(rate)
        yield int(at * NANOSECONDS)
