"""What every side of the contest is: given the same grounds, it turns orders into events until it is stopped.

Each module of this package names what it has in `SIDES: Sequence[Side]`: the contest finds them there. A peer's first
is serial, as people write it, its second the peer at its best; the floor's first is the whole one.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol


class Grounds(NamedTuple):
    """What a side is given, fresh for every run. Topics that it makes besides are called `<group>-...`."""

    servers: str
    """Kafka's `bootstrap.servers`."""

    database: str
    """`postgresql+asyncpg` URL of an empty database of the side's own."""

    input_topic: str
    """Made already, with 3 partitions; it has nothing but stock and orders of this run in it."""

    output_topic: str
    """Made already, with 3 partitions, and empty when `prepare` begins: what the reader counts."""

    group: str
    """Kafka's `group.id`."""

    directory: Path
    """For logs; it exists."""


class Side(Protocol):
    """A program that consumes orders, allocates them in PostgreSQL and publishes what came of it.

    A run is: `prepare`; VACUUM ANALYZE and CHECKPOINT; orders are produced to the input topic, behind whatever
    `prepare` left there; `running` is entered, and the reader counts what becomes visible in the output topic;
    `running` is left while there is work still; `violations`.

    Events are JSON objects with the contract's `type`, `order_id` and `line` at the least, keyed by SKU: an order is
    counted when the first event of its line 0 is visible to a `read_committed` reader.
    """

    name: str
    """As the table shows it."""

    guarantee: str
    """What it really gives: `exactly once`, `at least once`, `at most once, events may be lost`."""

    setup: str
    """Processes and batch size, in words."""

    parts: Sequence[str] = ()
    """What its processes are called, in the order in which `running` yields their ids; none: counted as one."""

    loads: Sequence[str] = ("sunny",)
    """Which of `tests.benchmark.load.LOADS` it can be given."""

    said: Mapping[str, float] = {}
    """What it tells by itself of the run whose `running` was left last; kept with the figures."""

    @abstractmethod
    def prepare(self, grounds: Grounds) -> None:
        """Make the schema and the stock (`tests.benchmark.load.batches`), so that orders may come.

        What it produces or publishes for that is in the topics when it returns, and no process of it is left.
        """

    @abstractmethod
    def running(self, grounds: Grounds) -> AbstractContextManager[Sequence[int]]:
        """Start its processes and yield their ids, all that its CPU time is counted by; end them on leaving.

        It need not wait until they are ready: what comes before the first event is never measured. On leaving,
        they are asked to stop as their own documentation says, so that what is in hand may be finished.
        """

    @abstractmethod
    def violations(self, grounds: Grounds, orders: int) -> list[str]:
        """What its result lacks against its own guarantee, a line each, after it was stopped in mid-work.

        `orders` is how many were produced; not all of them need have been consumed.
        """
