"""FastStream with the service's guarantee: order, offset and events in an ORM transaction, and a relay."""

import logging
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from tests.benchmark.peers.evidence import TOLD
from tests.benchmark.peers.judgement import Batch, Line, Promise
from tests.benchmark.peers.outbox import OutboxRow, Position
from tests.benchmark.peers.processes import Program
from tests.benchmark.peers.side import Peer
from tests.benchmark.sides import Side
from tests.benchmark.visible import PARTITIONS

MODULE = "tests.benchmark.peers.faststream_outbox"
RELAY = Program("relay", "tests.benchmark.peers.outbox_relay", {})
PROCESSES, CONSUMERS = 2, 2


class FastStreamOutbox(Peer):
    """Rows of the outbox are events that are safe."""

    def fill(self, connection: Connection, stocked: Sequence[Batch]) -> None:
        super().fill(connection, stocked)
        start = [{"partition": number, "next_offset": 0} for number in range(PARTITIONS)]
        connection.execute(insert(Position), start)

    def pending(self, connection: Connection) -> Sequence[Line]:
        return [TOLD.decode(payload).as_line() for payload in connection.scalars(select(OutboxRow.payload))]


def serial() -> Side:
    """As people write it."""
    return FastStreamOutbox(
        name="FastStream, ORM, outbox",
        guarantee="exactly once",
        setup="worker and relay, a message at a time",
        programs=[Program("worker", MODULE, {}), RELAY],
        promise=Promise(),
    )


def best() -> Side:
    """With as many consumers as there are partitions."""
    variables = {"PEER_CONSUMERS": str(CONSUMERS), "PEER_LOG_LEVEL": str(logging.DEBUG)}
    return FastStreamOutbox(
        name="FastStream, ORM, outbox, best",
        guarantee="exactly once",
        setup=f"{PROCESSES} workers and a relay, {CONSUMERS} consumers each, a message at a time",
        programs=[*(Program(f"worker {number}", MODULE, variables) for number in range(PROCESSES)), RELAY],
        promise=Promise(),
    )


SIDES = (serial(), best())
