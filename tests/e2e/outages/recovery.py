"""What is held of every outage: unready and not dead while it lasts; nothing lost, doubled or blamed after it."""

import httpx

from tests.clients import World, order
from tests.e2e.accounting import Told, violations
from tests.processes import ServiceProcess, wait_until


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
