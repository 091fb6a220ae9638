"""Messages to the input topic: acknowledged, each at its place, or given up in time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from python_app_template.adapters.secondary.kafka.message_log import KafkaMessageLog
from python_app_template.core.delivery.commands import Place
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.commands import Outgoing
from python_app_template.settings import Settings, load
from tests.clients import World

pytestmark = pytest.mark.servers


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[KafkaMessageLog]:
    log = KafkaMessageLog(settings)
    try:
        yield log
    finally:
        log.close()


def message(key: str, value: str = "{}") -> Outgoing:
    return Outgoing(key.encode(), value.encode(), [("traceparent", b"t")])


async def test_each_message_lies_where_it_is_said_to(settings: Settings) -> None:
    keys = [f"key-{n}" for n in range(50)]
    async with opened(settings) as log:
        places = await asyncio.gather(*(log.append(message(key, f'"{key}"')) for key in keys))
    found = World(settings).read_to_end(settings.kafka.input_topic)
    assert {Place(r.partition, r.offset): (r.key, r.value, r.headers) for r in found} == {
        place: (key.encode(), f'"{key}"'.encode(), {"traceparent": b"t"})
        for place, key in zip(places, keys, strict=True)
    }


async def test_what_shares_a_key_keeps_its_order(settings: Settings) -> None:
    async with opened(settings) as log:
        places = [await log.append(message("one")) for _ in range(3)]
    assert len({place.partition for place in places}) == 1
    assert [place.offset for place in places] == sorted({place.offset for place in places})


async def test_without_a_broker_it_is_given_up_within_five_seconds() -> None:
    nobody = load({"kafka.bootstrap_servers": "127.0.0.1:1"})
    async with opened(nobody) as log:
        began = time.monotonic()
        with pytest.raises(TransientError):
            await log.append(message("key"))
        assert time.monotonic() - began < 6


async def test_closing_tells_those_who_still_wait() -> None:
    log = KafkaMessageLog(load({"kafka.bootstrap_servers": "127.0.0.1:1"}))
    waiting = asyncio.ensure_future(log.append(message("key")))
    await asyncio.sleep(0)
    log.close()
    with pytest.raises(TransientError):
        await waiting


async def test_a_drain_lets_the_last_be_acknowledged_and_takes_no_more(settings: Settings) -> None:
    async with opened(settings) as log, asyncio.timeout(10):
        waiting = asyncio.ensure_future(log.append(message("key")))
        await asyncio.sleep(0)
        log.drain()
        await log.run()
        assert (await waiting).offset == 0
        with pytest.raises(TransientError):
            await log.append(message("key"))
