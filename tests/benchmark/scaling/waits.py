"""What the service's sessions wait for inside their transactions, sampled from `pg_stat_activity`."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg

PERIOD_SECONDS: Final = 0.02

SAMPLE: Final = """
SELECT CASE WHEN state = 'idle in transaction' THEN 'client'
            WHEN wait_event IS NULL THEN 'running'
            ELSE wait_event_type || ': ' || wait_event END
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND state IN ('active', 'idle in transaction')
"""
"""`running`: on a processor, or ready for one. `client`: PostgreSQL waits for the service, which decides meanwhile."""

LOCKS: Final = "Lock: "
"""What a session that waits for a row's lock is seen in: the transaction that holds it, or the tuple's queue."""


class Waits:
    """Samples of all sessions, one at a time on a thread of its own, over a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+asyncpg", "")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._sample()), name="waits")
        self.seen: Counter[str] = Counter()
        """How often a session was found in a state."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; `seen` stays."""
        self._ended.set()
        self._thread.join()

    def shares(self) -> dict[str, float]:
        """Of all sessions found inside a transaction; what is below 1 % is left out."""
        total = self.seen.total() or 1
        return {state: count / total for state, count in self.seen.most_common() if count / total >= 0.01}

    def lock_share(self) -> float:
        """Of all sessions found inside a transaction, those that waited for another's lock."""
        waiting = sum(count for state, count in self.seen.items() if state.startswith(LOCKS))
        return waiting / (self.seen.total() or 1)

    async def _sample(self) -> None:
        connection: Any = await asyncpg.connect(self._url)
        try:
            while not self._ended.wait(PERIOD_SECONDS):
                self.seen.update(row[0] for row in await connection.fetch(SAMPLE))
        finally:
            await connection.close()


@contextmanager
def sampled(url: str) -> Iterator[Waits]:
    """Sample for as long as this lasts."""
    waits = Waits(url)
    waits.start()
    try:
        yield waits
    finally:
        waits.stop()
