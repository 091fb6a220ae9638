"""Another service through the whole machinery, on real servers: what is not Yours knows nothing of orders."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.settings import Settings
from tests.clients import World
from tests.processes import ServiceProcess
from tests.second_domain.sensors import create_tables


class SensorsProcess(ServiceProcess):
    """One `python -m tests.second_domain`."""

    module = "tests.second_domain"


@pytest.fixture
async def sensors(settings: Settings, engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[SensorsProcess]:
    async with engine.begin() as connection:
        await create_tables(connection)
    process = SensorsProcess(settings, tmp_path)
    yield process.start()
    process.close()


def test_readings_become_alerts_through_the_same_machinery(sensors: SensorsProcess, world: World) -> None:
    def send(**fields: object) -> None:
        world.send_raw(json.dumps(fields).encode(), b"s")

    send(type="register", sensor="s", limit=10.0)
    for sequence, value in enumerate([9.0, 11.0, 12.0, 3.0]):
        send(type="read", sensor="s", sequence=sequence, value=value)
    send(type="read", sensor="s", sequence=3, value=3.0)
    send(type="read", sensor="x", sequence=1, value=1.0)
    events, dead_letters = world.events(2), world.dead_letters(1)
    assert [event.headers["ce_type"] for event in events] == [b"alert.raised", b"alert.cleared"]
    assert [letter.headers["dlq.reason"] for letter in dead_letters] == [b"unknown_sensor"]
    assert sensors.terminate() == 0, sensors.explain()
    assert len(world.events(2)) == 2
