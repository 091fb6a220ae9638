"""A broker or a database that is away, or goes away in mid-work: unready and not dead, and nothing lost or blamed."""

from collections.abc import Iterator

import httpx
import pytest

from python_app_template.embedded import EmbeddedKafka, EmbeddedPostgres
from tests.clients import World, batch, order
from tests.e2e.accounting import Told, violations
from tests.e2e.conftest import Launch
from tests.processes import ServiceProcess, wait_until
from tests.surroundings import migrate, name_of_its_own

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedKafka]:
    """A broker that nobody else needs."""
    with EmbeddedKafka(quick_timeouts=True) as own:
        yield own


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A server that nobody else needs."""
    with EmbeddedPostgres() as own:
        yield own


@pytest.fixture(scope="module")
def template(postgres: EmbeddedPostgres) -> str:
    """A migrated database of that server."""
    name = name_of_its_own("migrated")
    migrate(postgres.create_database(name))
    return name


@pytest.fixture
def service(launch: Launch, world: World) -> ServiceProcess:
    """One that is at work, and tries again soon."""
    service = launch(APP_RETRY__LONGEST_SECONDS="0.5")
    world.send(batch("b", "CHAIR", 10**6))
    world.events(1)
    return service.until_ready()


def send_orders(world: World, name: str, count: int = 300) -> None:
    world.send(*[order(f"{name}-{n}", ("CHAIR", 1)) for n in range(count)])


def until_unready(service: ServiceProcess, dependency: str) -> None:
    """Unready, with the check named, and not dead."""
    wait_until(lambda: dependency in service.failing(), 60, service.explain)
    assert service.failing()[dependency]
    assert service.get("/health/live").status_code == httpx.codes.OK


def hold(service: ServiceProcess, world: World, count: int) -> None:
    """All is well again by itself, and everything was done once."""
    world.events(count)
    service.until_ready()
    wait_until(lambda: service.metric("app_outbox_pending") == 0, 60, service.explain)
    assert service.metric("app_messages_dead_lettered_total") == 0
    assert not service.lines("part.halted")
    assert service.terminate() == 0, "the very process that was there before"
    events = world.all_events()
    assert violations(Told(world.sent, events, world.all_dead_letters())) == []
    assert len(events) == count


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_a_broker_that_is_away_makes_it_unready_with_the_check_named_and_not_dead(
    service: ServiceProcess, world: World, kafka: EmbeddedKafka, how: str
) -> None:
    send_orders(world, "before")
    if how == "frozen":
        kafka.pause()
    else:
        kafka.kill()
    try:
        until_unready(service, "broker")
        assert service.failing().keys() == {"broker"}
    finally:
        if how == "frozen":
            kafka.resume()
        else:
            kafka.restart()
    send_orders(world, "after")
    hold(service, world, 601)
    assert service.lines("dependency.away")
    assert service.lines("dependency.back")


@pytest.mark.parametrize("how", ["immediate", "fast"])
def test_a_database_that_restarts_under_load_costs_nothing_but_time(
    service: ServiceProcess, world: World, postgres: EmbeddedPostgres, how: str
) -> None:
    for n in range(3):
        send_orders(world, f"load-{n}", 1000)
        postgres.restart("fast" if how == "fast" else "immediate")
    wait_until(lambda: service.metric("app_retries_total") > 0, 60, service.explain)
    hold(service, world, 3001)


def test_a_database_that_is_away_pauses_the_service_which_tries_again_and_blames_no_message(
    service: ServiceProcess, world: World, postgres: EmbeddedPostgres
) -> None:
    postgres.kill()
    send_orders(world, "away")
    until_unready(service, "database")
    before = service.metric("app_retries_total")
    wait_until(lambda: service.metric("app_retries_total") > before + 5, 60, service.explain)
    assert service.metric("app_messages_consumed_total") == 1
    assert service.get("/health/live").status_code == httpx.codes.OK
    postgres.restart()
    hold(service, world, 301)


def test_asked_to_stop_while_the_broker_is_away_it_ends_within_the_grace_and_nothing_is_lost(
    launch: Launch, world: World, kafka: EmbeddedKafka
) -> None:
    service = launch(APP_DRAIN__GRACE_SECONDS="2").until_ready()
    world.send(batch("b", "CHAIR", 10**6))
    world.events(1)
    send_orders(world, "before")
    kafka.pause()
    try:
        assert service.terminate() in {0, 1}
    finally:
        kafka.resume()
    again = launch("again")
    hold(again, world, 301)


def test_a_service_that_starts_before_its_servers_waits_for_them(
    launch: Launch, world: World, kafka: EmbeddedKafka, postgres: EmbeddedPostgres
) -> None:
    kafka.kill()
    postgres.kill()
    service = launch(APP_PREFLIGHT__WAIT_SECONDS="1000")
    wait_until(lambda: bool(service.lines("http.listening")), 60, service.explain)
    wait_until(lambda: "preflight" in service.failing(), 30, service.explain)
    postgres.restart()
    kafka.restart()
    service.until_ready()
    world.send(batch("b", "CHAIR"))
    hold(service, world, 1)
