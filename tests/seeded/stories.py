"""What befalls the service on its stage. Each story returns what is wrong at its end: of a sound service, nothing."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from tests.clients import batch, order
from tests.processes import ServiceProcess, wait_until
from tests.seeded.stage import SECONDS, Stage
from tests.surroundings import name_of_its_own

# Of two commits the first fails, as by a deadlock that another transaction won.
FAIL_ONCE = (
    "CREATE SEQUENCE tried",
    """
    CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('tried') = 1 THEN RAISE EXCEPTION 'not now' USING ERRCODE = '40001'; END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER fail_once AFTER INSERT ON order_lines
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_once()
    """,
)
GATE = 4711
WAIT_AT_THE_GATE = (
    f"""
    CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({GATE});
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER wait_at_the_gate BEFORE INSERT ON order_lines
        FOR EACH ROW EXECUTE FUNCTION wait_at_the_gate()
    """,
)
END_THE_TERM = """
SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database
WHERE locktype = 'advisory' AND granted AND datname = current_database()
"""
WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def faults_in_one_worker(stage: Stage) -> list[str]:
    """A transaction fails after its positions moved, another in COMMIT; so do two of the relay's; garbage comes."""
    stage.sql(*FAIL_ONCE)
    stage.send(batch("b", "CHAIR", 100))
    stage.garbage(8)
    stage.send(order("o1", ("CHAIR", 1)))
    stage.start(
        "worker",
        APP_BREAKER__IN_A_ROW="5",
        APP_FAILPOINTS__POINTS="worker.advanced=1*error;"
        "relay.frames_produced=1*off->1*error;relay.cursor_produced=2*off->1*error",
    )
    for number in range(2, 5):
        if stage.until_done():
            stage.send(order(f"o{number}", ("CHAIR", 1)))
    stage.until_done()
    return stage.findings()


def a_claim_while_a_batch_is_on_its_way(stage: Stage) -> list[str]:
    """Another claims the partition while a transaction waits for its row; more messages follow."""
    stage.start("worker")
    stage.send(batch("b", "CHAIR", 100))
    stage.until_done()
    with connected(stage) as claimant:
        claimant.run("BEGIN")
        claimant.run("SELECT 1 FROM positions WHERE partition = 0 FOR UPDATE")
        stage.send(order("o1", ("CHAIR", 1)))
        wait_until(lambda: stage.sql(WAITERS) > 0, SECONDS, stage.explain)
        claimant.run("UPDATE positions SET epoch = epoch + 1 WHERE partition = 0")
        claimant.run("COMMIT")
        theirs = claimant.run("SELECT epoch FROM positions WHERE partition = 0")
    claimed = f"SELECT epoch > {theirs} OR next_offset > 1 FROM positions WHERE partition = 0"  # noqa: S608 a number
    stage.send(order("o2", ("CHAIR", 1)))
    wait_until(lambda: bool(stage.sql(claimed)), SECONDS, stage.explain)
    stage.send(order("o3", ("CHAIR", 1)))
    stage.until_done()
    last = stage.sql("SELECT epoch FROM positions WHERE partition = 0")
    intruded = [f"positions moved under epoch {last}, which is another's"] if last == theirs else []
    return intruded + stage.findings()


def a_sku_becomes_known_while_an_order_asks_for_it(stage: Stage) -> list[str]:
    """Two workers: one has found a SKU unknown and is held up, the other makes it known."""
    stage.sql(*WAIT_AT_THE_GATE)
    two = [stage.start(name) for name in ("one", "two")]
    wait_until(lambda: all(s.lines("http.listening") for s in two), SECONDS, stage.explain)
    wait_until(lambda: all(s.metric("app_assigned_partitions") == 1 for s in two), SECONDS, stage.explain)
    with connected(stage) as gate:
        gate.run(f"SELECT pg_advisory_lock({GATE})")
        stage.send(order("o1", ("NEW", 1)), partition=0)
        wait_until(lambda: stage.sql(WAITERS) == 1, SECONDS, stage.explain)
        stage.send(batch("b", "NEW", 100), partition=1)
        wait_until(lambda: stage.sql(WAITERS) == 2 or bool(stage.world.all_events()), SECONDS, stage.explain)
    stage.until_done()
    events = [event.body["type"] for event in stage.world.all_events() if event.body["sku"] == "NEW"]
    late = [f"NEW was rejected after its SKU was known: {events}"] if events[-1:] == ["line.rejected"] else []
    return late + stage.findings()


def a_relay_that_was_frozen_wakes_up(stage: Stage) -> list[str]:
    """It had read a page. Another one, of another group, has its place meanwhile and is about to publish that page."""
    first = stage.start(
        "first", APP_FAILPOINTS__POINTS="relay.page_read=1*off->1*delay(1);relay.committed=2*off->1*delay(4)"
    )
    stage.send(batch("b", "CHAIR", 100))
    stage.until_done()
    second = stage.start(
        "second",
        APP_ROLES="relay",
        APP_KAFKA__GROUP_ID="another",
        APP_FAILPOINTS__POINTS="relay.cursor_read=1*delay(2)",
    )
    wait_until(lambda: bool(second.lines("http.listening")), SECONDS, stage.explain)
    stage.send(order("o1", ("CHAIR", 1)))
    wait_until(lambda: stage.hit(first, "relay.page_read"), SECONDS, stage.explain)
    first.signal(signal.SIGSTOP)
    stage.sql(END_THE_TERM)
    wait_until(lambda: stage.hit(second, "relay.cursor_read"), SECONDS, stage.explain)
    first.signal(signal.SIGCONT)
    wait_until(lambda: second.metric("app_events_published_total") >= 1, SECONDS, stage.explain)
    stage.until_done()
    return stage.findings()


def a_database_set_back_under_a_relay(stage: Stage) -> list[str]:
    """A failover to a server that lacks the last commits: the relay has to halt. Returns what it does instead."""
    worker = stage.start("worker")
    stage.send(batch("b", "CHAIR", 100))
    stage.until_done()
    name, older, lost = stage.url.rsplit("/", 1)[1], name_of_its_own("older"), name_of_its_own("lost")
    with disconnected(stage, worker) as server:
        server.run(f'CREATE DATABASE "{older}" TEMPLATE "{name}"')
    for number in range(3):
        stage.send(order(f"o{number}", ("CHAIR", 1)))
        stage.until_done()
    with disconnected(stage, worker) as server:
        server.run(f'ALTER DATABASE "{name}" RENAME TO "{lost}"', f'ALTER DATABASE "{older}" RENAME TO "{name}"')
        server.run(f'DROP DATABASE "{lost}"')
    published = len(stage.world.all_events())
    for number in range(3, 8):  # more rows than were lost
        stage.send(order(f"o{number}", ("CHAIR", 1)))
        wait_until(stage.is_consumed, SECONDS, stage.explain)
    wait_until(lambda: bool(stage.broken()) or len(stage.world.all_events()) > published, SECONDS, stage.explain)
    halts = [line["reason"] for line in worker.lines("part.halted") if line["part"] == "relay"]
    more = len(stage.world.all_events()) - published
    return [] if (halts, more) == (["database_set_back"], 0) else [f"the relay went on: halts {halts}, {more} events"]


def a_promise_of_every_source_of_messages(stage: Stage) -> list[str]:
    """Play its contract test. In a worker this bug would be hidden: what comes too early is dropped by the rules."""
    test = "tests/contracts/test_message_source.py"
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "-k", "kafka and stopped_partition_is_silent"]
    environment = os.environ | {"APP_TEST_KAFKA": stage.kafka.bootstrap_servers}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, test],
        cwd=stage.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return [] if run.returncode == 0 else [run.stdout]


class Connection:
    """A connection of the test's own, held open."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self._runner = runner
        self._connection = runner.run(asyncpg.connect(url.replace("+asyncpg", ""), timeout=30))

    def run(self, *statements: str) -> object:
        """Run statements, each by itself; the first value of the last."""
        return [self._runner.run(self._connection.fetchval(statement)) for statement in statements][-1]

    def close(self) -> None:
        """End it, and what it holds."""
        self._runner.run(self._connection.close())


@contextmanager
def connected(stage: Stage, database: str | None = None) -> Iterator[Connection]:
    """A connection to the stage's database, or to another one of its server."""
    with asyncio.Runner() as runner:
        connection = Connection(runner, stage.postgres.url(database) if database else stage.url)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def disconnected(stage: Stage, service: ServiceProcess) -> Iterator[Connection]:
    """A connection to the server, while nobody has one to the stage's database: it can be copied, or be exchanged."""
    service.signal(signal.SIGSTOP)
    with connected(stage, "postgres") as server:
        name = stage.url.rsplit("/", 1)[1]
        server.run(f"SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
        yield server
    service.signal(signal.SIGCONT)
