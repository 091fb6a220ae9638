"""FastStream's batch mode with an ORM transaction for each batch; its events are published afterwards."""

import logging

from tests.benchmark.peers.judgement import Promise
from tests.benchmark.peers.processes import Program
from tests.benchmark.peers.side import Peer
from tests.benchmark.sides import Side

MODULE = "tests.benchmark.peers.faststream_batch"
SERIAL_BATCH, BEST_BATCH, PROCESSES = 500, 1000, 2


def form(name: str, batch: int, processes: int) -> Side:
    """So many processes, and so many messages in a transaction."""
    best = {"PEER_BULK": "1", "PEER_LOG_LEVEL": str(logging.DEBUG)} if processes > 1 else {}
    variables = {"PEER_BATCH": str(batch), **best}
    return Peer(
        name=name,
        guarantee="at least once, events may be lost",
        setup=f"{processes} process{'es' if processes > 1 else ''}, batch {batch}",
        programs=[Program(f"worker {number}", MODULE, variables) for number in range(processes)],
        promise=Promise(in_hand=processes * batch),
    )


SIDES = (
    form("FastStream, batch mode", SERIAL_BATCH, 1),
    form("FastStream, batch mode, best", BEST_BATCH, PROCESSES),
)
