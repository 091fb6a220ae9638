"""An open loop over HTTP: requests leave when they are due, whether or not others were answered; a process of its own.

Latency counts from when a request was due, so that a server that stalls is not asked less (coordinated omission).
Whether it is the asker who is late shows in its own lateness, and in its share of a core.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from collections import Counter, deque
from typing import NamedTuple


class Plan(NamedTuple):
    """What is sent, where, and how often."""

    port: int
    rate: float
    seconds: float
    connections: int
    requests: list[bytes]


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._load.free.append(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._load.lost(self)

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._buffer = b""
        self._load.answered(self, head[9:12].decode(), self._due)


class Load:
    """All connections, and what was seen."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.free: list[Connection] = []
        self.waiting: deque[tuple[bytes, float]] = deque()
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.late: list[float] = []
        """By how much each request was looked at later than it was due: the asker's own fault."""

    def due(self, request: bytes, at: float) -> None:
        if self.free:
            self.free.pop().send(request, at)
        else:
            self.waiting.append((request, at))

    def answered(self, connection: Connection, status: str, due: float) -> None:
        self.statuses[status] += 1
        self.latencies.append(time.perf_counter() - due)
        if self.waiting:
            connection.send(*self.waiting.popleft())
        else:
            self.free.append(connection)

    def lost(self, connection: Connection) -> None:
        """One that waited for nothing may be closed, after a while: that is no answer that is missing."""
        if connection in self.free:
            self.free.remove(connection)
        else:
            self.statuses["lost"] += 1

    async def run(self) -> dict[str, object]:
        plan, loop, used = self._plan, asyncio.get_running_loop(), time.process_time()
        for _ in range(plan.connections):
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", plan.port)
        began, sent, count = time.perf_counter(), 0, int(plan.rate * plan.seconds)
        while sent < count:
            now = time.perf_counter() - began
            while sent < count and sent / plan.rate <= now:
                self.late.append(now - sent / plan.rate)
                self.due(plan.requests[sent % len(plan.requests)], began + sent / plan.rate)
                sent += 1
            await asyncio.sleep(0.001)
        async with asyncio.timeout(60):
            while len(self.latencies) < count:  # noqa: ASYNC110 - nothing is measured by it
                await asyncio.sleep(0.01)
        return self.figures(time.perf_counter() - began, time.process_time() - used)

    def figures(self, seconds: float, used: float) -> dict[str, object]:
        at = {name: 1000 * percentile(self.latencies, share) for name, share in SHARES.items()}
        own = {"asker_late_p99_ms": 1000 * percentile(self.late, 0.99), "asker_cores": used / seconds}
        return {"statuses": dict(self.statuses), "per_second": len(self.latencies) / seconds, **at, **own}


SHARES = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999, "max_ms": 1.0}


def percentile(values: list[float], share: float) -> float:
    """Return what so large a share of the values does not exceed."""
    return sorted(values)[int(share * (len(values) - 1))]


def main() -> None:
    """Send what comes on standard input, a JSON array of requests, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, default=64)
    asked = parser.parse_args()
    requests = [request.encode() for request in json.load(sys.stdin)]
    gc.disable()  # it would stop the asker, not whom it asks
    plan = Plan(asked.port, asked.rate, asked.seconds, asked.connections, requests)
    print(json.dumps(asyncio.run(Load(plan).run())))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
