"""Rules that own a partition, and the signals that reach them, for the tests of owning."""

from dataclasses import replace

from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.partitions import Partitions
from python_app_template.core.delivery.signals import (
    Assigned,
    Fetched,
    Order,
    Start,
    Stop,
)
from tests.builders import GROUP, P, log, messages, position


def assigned(*partitions: Partition, assignment: int = 1) -> Assigned:
    return Assigned(frozenset(partitions or [P]), assignment)


def running(at: int = 5, *, fresh: bool = False, suspect_end: int | None = None) -> Partitions[int]:
    """P is ours under epoch 1 and stands at `at`; unless `fresh`, one message was taken since the start."""
    rules = Partitions[int](GROUP)
    rules.on(assigned(), 0)
    start = at if fresh else at - 1
    assert rules.claimed(replace(position(start), suspect_end=suspect_end), log(), 0) == [Start(P, 1, start)]
    if not fresh:
        rules.on(Fetched(messages(start)), 0)
    return rules


def fetched(*offsets: int, end: int | None = None, resumed: bool = False) -> Fetched[int]:
    ends = {} if end is None else {P: end}
    return Fetched(messages(*offsets), ends, frozenset({P}) if resumed else frozenset())


def halted(orders: list[Order[int]]) -> Halted:
    match orders:
        case [Stop(why=why)]:
            return why
    raise AssertionError(orders)
