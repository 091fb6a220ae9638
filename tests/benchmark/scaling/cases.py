"""What is varied: workers, demand, and the two ends of each axis; and the orders of each case."""

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from tests.benchmark.load import Record, record

ZIPF: Final = 0.8
UP_TO_THREE: Final = 0
"""Lines of an order: 1 to 3, as in the other measurements."""


class Case(NamedTuple):
    """One setup. What is not said is as in the other measurements."""

    name: str
    workers: int = 1
    skus: int = 1000
    uniform: bool = False
    """All SKUs are wanted alike; else some more than others."""
    lines: int = UP_TO_THREE
    batches: int = 3
    """Of each SKU, each with more units than a run can order."""
    partitions: int = 3
    """Of the input topic."""

    @property
    def lines_per_order(self) -> float:
        """On the average."""
        return self.lines or 2.0

    @property
    def demand(self) -> tuple[int, bool, int]:
        """What its orders depend on: cases that agree in it get the same ones."""
        return self.skus, self.uniform, self.lines


WORKERS: Final = [
    Case(f"{name}, {count} worker{'s' * (count > 1)}", count, skus, uniform)
    for name, skus, uniform in (("1,000 SKUs, zipf 0.8", 1000, False), ("1,000,000 SKUs, uniform", 10**6, True))
    for count in (1, 2, 3)
]
"""Where locks of rows hold workers up, zipf stays behind uniform demand on the same cores; else it is not the locks."""

AXES: Final = {
    "SKUs": (Case("100 SKUs", skus=100), Case("1,000,000 SKUs", skus=10**6)),
    "lines per order": (Case("1 line", lines=1), Case("100 lines", lines=100)),
    "batches per SKU": (Case("1 batch per SKU", batches=1), Case("1,000 batches per SKU", batches=1000)),
    "partitions": (Case("3 partitions", partitions=3), Case("48 partitions", partitions=48)),
}


def sku(number: int) -> str:
    """Name one; as the SQL that makes stock does."""
    return f"SKU-{number:07}"


def orders(case: Case, seed: int = 1) -> Iterator[Record]:
    """Orders without end, under random ids."""
    chance = random.Random(seed)
    skus = [sku(number) for number in range(case.skus)]
    # The most wanted ones are not neighbours in any index.
    chance.shuffle(skus)
    weights = None if case.uniform else list(accumulate(1 / rank**ZIPF for rank in range(1, case.skus + 1)))
    while True:
        wanted = chance.choices(skus, cum_weights=weights, k=case.lines or chance.randint(1, 3))
        yield record(_order(chance, wanted))


def _order(chance: random.Random, wanted: Sequence[str]) -> dict[str, object]:
    lines = [{"sku": each, "qty": chance.randint(1, 5)} for each in wanted]
    return {"type": "order.placed", "order_id": f"{chance.getrandbits(96):024x}", "lines": lines}
