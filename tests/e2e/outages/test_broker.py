"""A broker that is away, or goes away in mid-work."""

import pytest

from python_app_template.embedded import EmbeddedKafka, EmbeddedPostgres
from tests.clients import World, batch
from tests.e2e.conftest import Launch
from tests.e2e.outages.recovery import hold, send_orders, until_unready
from tests.processes import ServiceProcess, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(240)]


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
