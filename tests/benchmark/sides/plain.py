"""confluent_kafka and asyncpg without a framework, a transaction for each message."""

from tests.benchmark.peers.judgement import Promise
from tests.benchmark.peers.processes import Program
from tests.benchmark.peers.side import Peer
from tests.benchmark.sides import Side

MODULE = "tests.benchmark.peers.plain"
WORKERS, PROCESSES = 16, 2


def form(name: str, setup: str, workers: int, processes: int) -> Side:
    """So many processes, and so many messages in the hands of each."""
    variables = {"PEER_WORKERS": str(workers)}
    return Peer(
        name=name,
        guarantee="at least once, events may be lost",
        setup=setup,
        programs=[Program(f"worker {number}", MODULE, variables) for number in range(processes)],
        promise=Promise(in_hand=processes * workers),
    )


SIDES = (
    form("plain loop", "1 process, a message at a time", 1, 1),
    form("plain loop, best", f"{PROCESSES} processes, {WORKERS} messages at once", WORKERS, PROCESSES),
)
