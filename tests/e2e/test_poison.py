"""A fault in one message must not stop the worker: it is found, dead-lettered as `failed`, and its neighbours go on."""

import pytest

from python_app_template.settings import Settings
from tests.clients import World, batch, order, reason_of
from tests.e2e.accounting import Told, violations
from tests.e2e.conftest import Launch
from tests.processes import ServiceProcess, wait_until
from tests.servers import Kafka
from tests.sql import run_sql
from tests.surroundings import shortest_session

pytestmark = pytest.mark.servers

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.order_id LIKE '%poison%' THEN {act} END IF;
    RETURN NEW;
END $$
"""
INSTALL = "CREATE TRIGGER refuse BEFORE INSERT ON order_lines FOR EACH ROW EXECUTE FUNCTION refuse()"
UNINSTALL = "DROP TRIGGER refuse ON order_lines"

RAISE = "RAISE EXCEPTION 'this one is poison' USING ERRCODE = 'check_violation';"
HANG = "PERFORM pg_sleep(60);"
HANG_UP = "PERFORM pg_terminate_backend(pg_backend_pid());"


def poison(settings: Settings, act: str) -> None:
    """Let the database do something terrible to some orders, which nothing that is sent could do."""
    run_sql(settings.database.url.get_secret_value(), REFUSE.replace("{act}", act), INSTALL)


def stream(world: World, count: int, poisoned: set[int]) -> None:
    world.send(batch("b", "CHAIR", 10**6), partition=0)
    numbers = range(count)
    world.send(
        *[order(f"{'poison' if n in poisoned else 'o'}-{n}", ("CHAIR", 1), ("NEVER", 1)) for n in numbers], partition=0
    )


def hold(world: World, count: int, poisoned: set[int]) -> None:
    bad = [m for m in world.sent if m.body.get("order_id", "").startswith("poison")]
    letters = world.dead_letters_of(bad, 100)
    events = world.events(1 + 2 * (count - len(poisoned)), 100)
    assert [reason_of(letter) for letter in letters] == ["failed"] * len(poisoned)
    allocated = [e.body["order_id"] for e in events if e.body["type"] == "line.allocated"]
    assert allocated == [f"o-{n}" for n in range(count) if n not in poisoned], "in order"
    assert violations(Told(world.sent, world.all_events(), letters)) == []


def test_a_message_that_the_database_refuses_is_dead_lettered_as_failed_and_its_neighbours_go_through_in_order(
    launch: Launch, world: World, settings: Settings
) -> None:
    poison(settings, RAISE)
    stream(world, 500, {0, 7, 8, 250, 499})
    service = launch()
    hold(world, 500, {0, 7, 8, 250, 499})
    wait_until(lambda: service.metric("app_messages_dead_lettered_total", reason="failed") == 5, 60, service.explain)
    assert service.metric("app_messages_consumed_total") == 501, "retried batches count once"
    assert "this one is poison" in (world.dead_letters(1)[0].headers["dlq.detail"] or b"").decode()
    assert service.until_ready().terminate() == 0


@pytest.mark.slow
def test_a_message_that_takes_too_long_each_time_is_dead_lettered_as_failed(
    launch: Launch, world: World, settings: Settings
) -> None:
    poison(settings, HANG)
    stream(world, 4, {2})
    service = launch(APP_DATABASE__STATEMENT_TIMEOUT_SECONDS="0.5", APP_DATABASE__LOCK_TIMEOUT_SECONDS="0.4")
    hold(world, 4, {2})
    assert service.metric("app_retries_total", error="57014") >= 3
    assert service.until_ready().terminate() == 0


def test_so_many_failures_are_a_bad_deployment_and_exit_1(launch: Launch, world: World, settings: Settings) -> None:
    """Nothing more is condemned then, and once it is mended the rest goes through."""
    poison(settings, RAISE)
    stream(world, 60, {*range(20, 60)})
    service = launch(APP_BREAKER__IN_A_ROW="5", APP_CONSUMER__BATCH_SIZE="10")
    assert service.wait() == 1
    assert "a bad deployment" in service.log()
    run_sql(settings.database.url.get_secret_value(), UNINSTALL)
    mended = launch("mended").until_ready()
    wait_until(lambda: world.committed_offsets() == world.log_ends(), 60, mended.explain)
    assert mended.terminate() == 0
    letters = world.all_dead_letters()
    assert 5 <= len(letters) <= 10
    assert violations(Told(world.sent, world.all_events(), letters)) == []


def test_a_missing_right_is_no_messages_fault_but_exit_1(launch: Launch, world: World, settings: Settings) -> None:
    """Logged with its traceback; good messages are not blamed."""
    url = settings.database.url.get_secret_value()
    service: ServiceProcess = launch().until_ready()
    run_sql(url, "ALTER TABLE order_lines RENAME TO gone")
    world.send(order("o", ("NEVER", 1)))
    assert service.wait() == 1
    assert "order_lines" in service.log()
    assert "Traceback" in service.log()
    assert world.all_dead_letters() == []
    run_sql(url, "ALTER TABLE gone RENAME TO order_lines")
    assert service.start().until_ready().running
    assert len(world.events(1)) == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_message_that_kills_the_process_each_time_is_dead_lettered_as_failed(
    launch: Launch, world: World, settings: Settings, kafka: Kafka
) -> None:
    """The test kills the worker whenever the database says that it is at that message."""
    url = settings.database.url.get_secret_value()
    run_sql(url, "CREATE SEQUENCE tried")
    poison(settings, "PERFORM nextval('tried'); PERFORM pg_sleep(600);")
    stream(world, 12, {5})
    service = launch(APP_CONSUMER__BATCH_SIZE="4", APP_KAFKA__SESSION_TIMEOUT_MS=shortest_session(kafka))
    tries = 0

    def tried_again() -> bool:
        return int(run_sql(url, "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tried")) > tries

    for _ in range(12):
        wait_until(lambda: tried_again() or len(world.all_dead_letters()) == 1, 60, service.explain)
        if not tried_again():
            break
        service.kill()
        run_sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        tries = int(run_sql(url, "SELECT last_value FROM tried"))
        service.start()
    assert 4 <= tries <= 8
    hold(world, 12, {5})
    assert service.until_ready().terminate() == 0
