"""Contract, section 6: how the process ends, and that nothing in hand is lost, redone or doubled."""

import json
import signal

import pytest

from python_app_template.settings import Settings
from tests.clients import World, batch, order
from tests.e2e.accounting import Told, violations
from tests.e2e.conftest import Launch
from tests.processes import ServiceProcess, wait_until
from tests.sql import all_tables_locked, run_sql

pytestmark = pytest.mark.servers


def url(settings: Settings) -> str:
    return settings.database.url.get_secret_value()


@pytest.fixture
def service(launch: Launch, world: World) -> ServiceProcess:
    """A service that has consumed something, and so owns the partition of `in_hand`."""
    return warm(launch(), world)


def warm(service: ServiceProcess, world: World) -> ServiceProcess:
    world.send(batch("in-hand", "CHAIR"))
    world.events(1)
    return service


def until_consumed(service: ServiceProcess, count: int) -> None:
    wait_until(lambda: service.metric("app_messages_consumed_total") >= count, 60, service.explain)


WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%UPDATE positions p%'
"""
"""Sessions that have begun with a batch, whose first statement moves positions, and wait."""


def in_hand(service: ServiceProcess, world: World, settings: Settings) -> None:
    """Give it a batch that it can not finish now."""
    world.send(order("in-hand", ("CHAIR", 1)))
    wait_until(lambda: run_sql(url(settings), WAITING) > 0, 60, service.explain)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_finishes_what_is_in_hand_and_is_exit_0(
    service: ServiceProcess, world: World, settings: Settings, number: signal.Signals
) -> None:
    with all_tables_locked(url(settings)):
        in_hand(service, world, settings)
        service.signal(number)
        wait_until(lambda: bool(service.lines("service.stopping")), 30, service.explain)
        assert service.running
    assert service.wait() == 0
    assert len(world.all_events()) == 2
    assert service.lines("service.stopped")
    assert "Traceback" not in service.log()


def test_a_second_signal_ends_it_at_once_with_130_and_nothing_is_lost(
    service: ServiceProcess, world: World, settings: Settings, launch: Launch
) -> None:
    with all_tables_locked(url(settings)):
        in_hand(service, world, settings)
        service.signal(signal.SIGTERM)
        wait_until(lambda: bool(service.lines("service.stopping")), 30, service.explain)
        assert service.terminate() == 130
    assert len(world.all_events()) == 1
    launch("next")
    assert len(world.events(2)) == 2


def test_what_is_not_finished_within_the_grace_is_exit_1_and_done_again(
    launch: Launch, world: World, settings: Settings
) -> None:
    service = warm(launch(APP_DRAIN__GRACE_SECONDS="0.5"), world)
    with all_tables_locked(url(settings)):
        in_hand(service, world, settings)
        assert service.terminate() == 1
    (line,) = service.lines("service.not_drained")
    assert line["error"] == "worker not finished within 0.5 s"
    launch("next")
    assert len(world.events(2)) == 2


def test_stopped_under_load_it_has_relayed_what_it_committed_and_told_kafka_how_far_it_came(
    launch: Launch, world: World
) -> None:
    """Twice, then to the end; each message was consumed once."""
    world.send(batch("b", "CHAIR", 10**6), batch("c", "LAMP", 10**6))
    world.send(*[order(f"o{n}", ("CHAIR", 1), ("LAMP", 1), ("NEVER", 1)) for n in range(4000)])
    consumed, stopped_before_the_end = 0, 0
    for run in range(3):
        service = launch(f"run-{run}", APP_CONSUMER__BATCH_SIZE=str(50 * 10**run)).until_ready()
        aim = 1 if run < 2 else len(world.sent) - consumed
        until_consumed(service, aim)
        assert service.terminate() == 0
        consumed += sum(line["messages"] for line in service.lines("batch.settled"))
        done = world.committed_offsets()
        decided = {(m.partition, m.offset) for m in world.sent if m.offset < done.get(m.partition, 0)}
        caused = {(e.body["cause"]["partition"], e.body["cause"]["offset"]) for e in world.all_events()}
        assert caused == decided, "all that is committed is relayed"
        assert consumed == len(decided), "neither redone nor forgotten"
        stopped_before_the_end += done != world.log_ends()
    assert 1 <= stopped_before_the_end <= 2
    assert violations(Told(world.sent, world.all_events(), world.all_dead_letters())) == []


def test_messages_sent_again_after_a_restart_have_no_effect(launch: Launch, world: World) -> None:
    messages = [batch("b", "CHAIR", 500), *[order(f"o{n}", ("CHAIR", 1)) for n in range(100)]]
    service = launch().until_ready()
    world.send(messages[0])
    world.events(1)
    world.send(*messages[1:])
    world.events(101)
    assert service.terminate() == 0
    for number in range(3):
        world.send_records([(json.dumps(m).encode(), b"elsewhere", ()) for m in messages], number)
    service.start().until_ready()
    wait_until(lambda: service.metric("app_messages_duplicate_total") == 303, 60, service.explain)
    assert service.terminate() == 0
    assert len(world.all_events()) == 101
    assert world.all_dead_letters() == []
