"""What befalls the database's sessions: ended, barred by a lock, or told an error that a server may always tell."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from python_app_template.adapters.secondary.postgres.term import LOCK
from tests.chaos.schedule import Fault

RAISED = "chaos raised"
"""What the server's log says of such an error."""

INSTALL = """
CREATE TABLE chaos (code text PRIMARY KEY, share float NOT NULL);
CREATE FUNCTION chaos() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
BEGIN
    SELECT code INTO wanted FROM chaos WHERE random() < share LIMIT 1;
    IF wanted IS NOT NULL THEN
        RAISE EXCEPTION 'chaos raised %', wanted USING ERRCODE = wanted;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER chaos AFTER UPDATE ON positions FOR EACH STATEMENT EXECUTE FUNCTION chaos();
CREATE TRIGGER chaos AFTER UPDATE ON products FOR EACH STATEMENT EXECUTE FUNCTION chaos();
CREATE TRIGGER chaos AFTER UPDATE ON digests FOR EACH STATEMENT EXECUTE FUNCTION chaos();
CREATE TRIGGER chaos AFTER UPDATE ON notifier_positions FOR EACH STATEMENT EXECUTE FUNCTION chaos();
CREATE CONSTRAINT TRIGGER chaos_in_commit AFTER INSERT ON outbox
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos();
"""
TURN = "INSERT INTO chaos VALUES ($1, $2) ON CONFLICT (code) DO UPDATE SET share = $2"
SHARE = 0.05
"""Of the statements that can be told an error while it is on."""

TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name IN ('python-app-template', 'relay', 'notifier')
    ORDER BY pid OFFSET $1 % greatest(1, (
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name IN ('python-app-template', 'relay', 'notifier')
    )) LIMIT 1
) AS chosen
"""
TERMINATE_LOCK_HOLDER = """
SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() AND a.application_name = $1
"""
RELAY, NOTIFIER = "relay", "notifier"
TABLES = ("positions", "outbox", "outbox_head", "products", "orders", "dead_letters", "digests", "notifier_positions")
ANSWER_SECONDS = 2.0


class SqlFaults:
    """Done over a connection of its own each. Raises what the driver raises while the server is away."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+asyncpg", "")
        self._over(lambda connection: connection.execute(INSTALL))

    def terminated(self, fault: Fault) -> int:
        return int(self._over(lambda connection: connection.fetchval(TERMINATE, fault.draw)))

    def relay_lock_lost(self, _: Fault) -> int:
        return int(self._over(lambda connection: connection.fetchval(TERMINATE_LOCK_HOLDER, RELAY)))

    def notifier_lock_lost(self, _: Fault) -> int:
        return int(self._over(lambda connection: connection.fetchval(TERMINATE_LOCK_HOLDER, NOTIFIER)))

    def relay_lock_taken(self, fault: Fault) -> int:
        """Whoever relays loses the lock, and somebody else has it for a while."""

        async def take(connection: asyncpg.Connection) -> int:
            await connection.execute("SET lock_timeout = '1s'")
            await connection.fetchval(TERMINATE_LOCK_HOLDER, RELAY)
            await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
            await asyncio.sleep(fault.seconds)
            return 1

        return int(self._over(take))

    def table_locked(self, fault: Fault) -> int:
        return self._locked(fault, "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE")

    def rows_locked(self, fault: Fault) -> int:
        """Of a table all, as by a session that has updated them and does not commit."""
        return self._locked(fault, "SELECT FROM {} FOR UPDATE")

    def _locked(self, fault: Fault, statement: str) -> int:
        table = TABLES[fault.draw % len(TABLES)]

        async def lock(connection: asyncpg.Connection) -> int:
            await connection.execute(f"SET lock_timeout = '1s'; BEGIN; {statement.format(table)}")
            await asyncio.sleep(fault.seconds)
            return 1

        return int(self._over(lock))

    def raised(self, fault: Fault) -> int:
        """None by itself: how often it was raised, the server's log tells."""
        code = fault.kind.rpartition(".")[2]
        self._over(lambda connection: connection.execute(TURN, code, SHARE))
        threading.Event().wait(fault.seconds)
        self._over(lambda connection: connection.execute(TURN, code, 0.0))
        return 0

    def clear(self) -> None:
        """Raise no more."""
        self._over(lambda connection: connection.execute("DELETE FROM chaos"))

    def _over(self, act: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            connection = await asyncpg.connect(self._url, timeout=ANSWER_SECONDS, command_timeout=ANSWER_SECONDS)
            try:
                return await act(connection)
            finally:
                connection.terminate()

        return asyncio.run(run())
