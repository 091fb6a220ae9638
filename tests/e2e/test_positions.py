"""`positions set` beside a service that has nothing to do."""

import pytest

from python_app_template.settings import Settings
from tests.clients import World, batch, order
from tests.e2e.halting import set_positions
from tests.processes import ServiceProcess, wait_until

pytestmark = pytest.mark.servers

SOON = 30.0
"""Seconds: it looks every 3 s, and waits for one more; the rest is for a machine that has other things to do."""


def test_an_idle_service_goes_back_where_it_is_told_to_without_a_new_message(
    service: ServiceProcess, world: World, settings: Settings
) -> None:
    world.send(batch("b", "CHAIR"), order("o", ("CHAIR", 1)))
    world.events(2)
    wait_until(lambda: world.committed_offsets() == world.log_ends(), 60, service.explain)
    set_positions(settings, "--all", "--offset", "earliest")
    wait_until(lambda: service.metric("app_messages_duplicate_total") == 2, SOON, service.explain)
    assert len(world.all_events()) == 2
    assert service.terminate() == 0
