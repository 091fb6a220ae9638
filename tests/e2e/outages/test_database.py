"""A database that is away, or goes away in mid-work."""

import httpx
import pytest

from python_app_template.embedded import EmbeddedPostgres
from tests.clients import World
from tests.e2e.outages.recovery import hold, send_orders, until_unready
from tests.processes import ServiceProcess, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(240)]


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
