"""confluent_kafka and asyncpg without a framework, a transaction for each message."""

from tests.benchmark.peers.judgement import Promise
from tests.benchmark.peers.processes import Program
from tests.benchmark.peers.side import Peer
from tests.benchmark.sides import Side

MODULE = "tests.benchmark.peers.plain"
BATCH, WORKERS, PROCESSES = 100, 16, 2


def form(name: str, setup: str, batch: int, workers: int, processes: int) -> Side:
    """So many processes, each with so many messages at a time, and so many of them in transactions at once."""
    variables = {"PEER_BATCH": str(batch), "PEER_WORKERS": str(workers)}
    return Peer(
        name=name,
        guarantee="at least once, events may be lost",
        setup=setup,
        programs=[Program(f"worker {number}", MODULE, variables) for number in range(processes)],
        promise=Promise(in_hand=processes * batch),
    )


SIDES = (
    form("plain loop", "1 process, a message at a time", 1, 1, 1),
    form(
        "plain loop, best",
        f"{PROCESSES} processes, batch {BATCH}, {WORKERS} transactions at once",
        BATCH,
        WORKERS,
        PROCESSES,
    ),
)
