"""Kafka's ACLs: those that docs/security.md lists suffice, each is needed, and one that is taken away loses nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation  # type: ignore[attr-defined] # public, but for the stubs

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka import checks, keeping
from python_app_template.core.ports.checks import CheckDoubtful, CheckFailed
from python_app_template.settings import Settings, load
from tests.clients import World, batch, order
from tests.processes import ServiceProcess, running, wait_until
from tests.security.kafka.conftest import transactional_id
from tests.security.kafka.guarded import Guarded, Rights, grants

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SEEN_BY_PREFLIGHT = ("--topic", "--group", "preflight-")
"""The group's and the relay's own id are used at run time alone."""


def as_the_service(settings: Settings, guarded: Guarded) -> Settings:
    """The same topics, by the door for those who log in."""
    kafka = settings.kafka.model_dump(include={"group_id", "input_topic", "output_topic"} | TOPICS)
    door = {name.removeprefix("APP_").lower().replace("__", "."): value for name, value in guarded.scram.items()}
    url = settings.database.url.get_secret_value()
    return load({**{f"kafka.{name}": value for name, value in kafka.items()}, **door, "database.url": url})


TOPICS = {"dead_letter_topic", "positions_topic"}


async def lacking(settings: Settings) -> list[str]:
    """What preflight finds wanting with the broker."""
    found = []
    admin = KafkaAdmin(settings)
    for check in (*checks.checks(settings, admin), *keeping.checks(settings, admin)):
        try:
            await check.look()
        except (CheckFailed, CheckDoubtful) as wanting:
            found.append(f"{wanting.found}: {wanting.remedy}")
    return found


async def test_the_documented_rights_pass_preflight_and_each_is_needed(
    settings: Settings, guarded: Guarded, rights: Rights, granted: list[str]
) -> None:
    mine = as_the_service(settings, guarded)
    assert await lacking(mine) == []
    for binding in grants(line for line in granted if any(word in line for word in SEEN_BY_PREFLIGHT)):
        rights.revoke([binding])
        found = await lacking(mine)
        assert found, f"{binding} is not needed"
        assert all(": " in line for line in found)
        rights.grant([binding])


@pytest.mark.parametrize("role", ["api", "projector", "notifier"])
async def test_who_follows_events_is_told_that_it_may_not_read_them(
    settings: Settings, guarded: Guarded, granted: list[str], role: str
) -> None:
    assert granted
    mine = as_the_service(settings, guarded).model_copy(update={"roles": frozenset({role})})
    assert [line for line in await lacking(mine) if f"READ on {mine.kafka.output_topic}" in line]


@pytest.fixture
def service(settings: Settings, guarded: Guarded, granted: list[str], tmp_path: Path) -> Iterator[ServiceProcess]:
    assert granted
    own = {"APP_KAFKA__TRANSACTIONAL_ID": transactional_id(settings), "APP_OUTBOX__MAX_PENDING": "3"}
    with running(ServiceProcess(settings, tmp_path, **guarded.scram | own)) as process:
        yield process


def binding_of(granted: list[str], *words: str) -> list[str]:
    """The one line that has these words."""
    (line,) = [line for line in granted if set(words) <= set(line.split())]
    return [line]


def test_without_the_right_to_write_the_relay_halts_the_worker_pauses_and_all_goes_on_once_it_is_given(
    service: ServiceProcess, settings: Settings, rights: Rights, granted: list[str]
) -> None:
    world, topic = World(settings), settings.kafka.output_topic
    world.send(batch("b", qty=1000))
    world.events(1)
    writing = [b for b in grants(binding_of(granted, topic)) if b.operation == AclOperation.WRITE]
    rights.revoke(writing)
    for number in range(20):  # one by one, for as many rows
        world.send(order(f"o{number}"))
        wait_until(
            lambda n=number: service.metric("app_messages_consumed_total") >= n + 2 or "way out" in service.failing(),  # type: ignore[misc]
            30,
            service.explain,
        )
    wait_until(lambda: {"way out", "relay"} <= service.failing().keys(), 30, service.explain)
    assert service.metric("app_halted", part="relay", reason="not_authorized") == 1
    assert "Topic authorization failed" in service.failing()["relay"]
    assert service.get("/health/live").status_code == 200
    assert service.metric("app_outbox_pending") < 8, "the worker pauses"
    rights.grant(writing)
    events = world.events(21)
    assert sorted(e.body["order_id"] for e in events[1:]) == sorted(f"o{n}" for n in range(20))
    wait_until(service.is_ready, 30, service.explain)
    assert service.terminate() == 0, service.explain()
    assert len(world.all_events()) == 21


@pytest.mark.parametrize("which", ["topic", "group"])
def test_without_the_right_to_read_nothing_is_consumed_health_says_why_and_all_goes_on_once_it_is_given(
    service: ServiceProcess, settings: Settings, rights: Rights, granted: list[str], which: str
) -> None:
    world, kafka = World(settings), settings.kafka
    world.send(batch("b", qty=1000))
    world.events(1)
    reading = grants(binding_of(granted, kafka.input_topic if which == "topic" else kafka.group_id))
    rights.revoke(reading)
    wait_until(lambda: "AUTHORIZATION_FAILED" in " ".join(service.failing().values()), 60, service.explain)
    assert service.get("/health/live").status_code == 200
    world.send(*[order(f"o{n}") for n in range(20)])
    rights.grant(reading)
    events = world.events(21)
    assert sorted(e.body["order_id"] for e in events[1:]) == sorted(f"o{n}" for n in range(20))
    wait_until(service.is_ready, 60, service.explain)
    assert service.terminate() == 0, service.explain()
    assert len(world.all_events()) == 21
