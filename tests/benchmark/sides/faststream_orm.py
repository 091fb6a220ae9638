"""FastStream with an ORM transaction for each message; its events are published afterwards."""

import logging

from tests.benchmark.peers.judgement import Promise
from tests.benchmark.peers.processes import Program
from tests.benchmark.peers.side import Peer
from tests.benchmark.sides import Side

MODULE = "tests.benchmark.peers.faststream_orm"
PROCESSES, CONSUMERS, WORKERS = 2, 2, 16


def serial() -> Side:
    """As people write it."""
    return Peer(
        name="FastStream, ORM",
        guarantee="at least once, events may be lost",
        setup="1 process, a message at a time",
        programs=[Program("worker", MODULE, {})],
        promise=Promise(in_hand=1),
    )


def best() -> Side:
    """With as many consumers as there are partitions."""
    variables = {"PEER_CONSUMERS": str(CONSUMERS), "PEER_GATHER": "1", "PEER_LOG_LEVEL": str(logging.DEBUG)}
    return Peer(
        name="FastStream, ORM, best",
        guarantee="at least once, events may be lost",
        setup=f"{PROCESSES} processes, {CONSUMERS} consumers each, a message at a time, events gathered",
        programs=[Program(f"worker {number}", MODULE, variables) for number in range(PROCESSES)],
        promise=Promise(in_hand=PROCESSES * CONSUMERS),
    )


def concurrent() -> Side:
    """With what FastStream offers at the price of its guarantee."""
    variables = {"PEER_WORKERS": str(WORKERS), "PEER_GATHER": "1", "PEER_LOG_LEVEL": str(logging.DEBUG)}
    return Peer(
        name="FastStream, ORM, concurrent",
        guarantee="at most once, events may be lost",
        setup=f"{PROCESSES} processes, {WORKERS} messages at once, events gathered",
        programs=[Program(f"worker {number}", MODULE, variables) for number in range(PROCESSES)],
        promise=Promise(in_hand=PROCESSES * (2 * WORKERS + 1), loses_orders=True),
    )


SIDES = (serial(), best(), concurrent())
