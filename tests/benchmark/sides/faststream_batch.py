"""FastStream's batch mode with an ORM transaction for each batch; its events are published afterwards."""

import logging
from collections.abc import Mapping

from tests.benchmark.peers.judgement import Promise
from tests.benchmark.peers.processes import Program
from tests.benchmark.peers.side import Peer
from tests.benchmark.sides import Side

MODULE = "tests.benchmark.peers.faststream_batch"
SERIAL_BATCH, BEST_BATCH, PROCESSES = 500, 1000, 2


def form(name: str, setup: str, batch: int, processes: int, variables: Mapping[str, str]) -> Side:
    """So many processes, and so many messages in a transaction."""
    told = {"PEER_BATCH": str(batch), **variables}
    return Peer(
        name=name,
        guarantee="at least once, events may be lost",
        setup=setup,
        programs=[Program(f"worker {number}", MODULE, told) for number in range(processes)],
        promise=Promise(in_hand=processes * batch),
    )


SIDES = (
    form("FastStream, batch mode", f"1 process, batch {SERIAL_BATCH}", SERIAL_BATCH, 1, {}),
    form(
        "FastStream, batch mode, best",
        f"{PROCESSES} processes, batch {BEST_BATCH}, rows inserted in bulk",
        BEST_BATCH,
        PROCESSES,
        {"PEER_BULK": "1", "PEER_LOG_LEVEL": str(logging.DEBUG)},
    ),
)
