"""Orders without end in constant memory: lines from a pool, under ids that tell how many lines, and which order."""

import random
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import msgspec

from tests.benchmark.load import orders

POOL = 10_000
LINES_AT, NUMBER_AT = 13, 15
"""Where in an id its number of lines and its order's number begin, both in hexadecimal."""


class Order(NamedTuple):
    """An order, ready to be sent."""

    order_id: bytes
    """24 hexadecimal digits as everywhere; the first 13 are random, so that no index is flattered."""
    lines: int
    value: bytes


def stream(seed: int, first: int = 0) -> Iterator[Order]:
    """Orders numbered from `first` on; the lines come again after 10,000 of them, the ids never."""
    pool = [(len(order["lines"]), msgspec.json.encode(order["lines"])) for order in orders(POOL, seed)]
    return _numbered(pool, random.Random(seed), first)


def _numbered(pool: list[tuple[int, bytes]], chance: random.Random, first: int) -> Iterator[Order]:
    for number in count(first):
        lines, text = pool[number % POOL]
        order_id = b"%013x%02x%09x" % (chance.getrandbits(52), lines, number)
        yield Order(order_id, lines, b'{"type":"order.placed","order_id":"%b","lines":%b}' % (order_id, text))


def lines_of(order_id: str) -> int:
    """How many events the order leads to."""
    return int(order_id[LINES_AT:NUMBER_AT], 16)


def number_of(order_id: str) -> int:
    """Which order it is. Raises ValueError for an id of somebody else's."""
    return int(order_id[NUMBER_AT:], 16)
