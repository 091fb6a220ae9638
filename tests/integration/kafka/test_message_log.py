"""Messages to the input topic: acknowledged, each at its place, or given up in time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from python_app_template.adapters.secondary.kafka.message_log import KafkaMessageLog
from python_app_template.core.delivery.commands import Place
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.commands import Outgoing
from python_app_template.embedded import EmbeddedKafka
from python_app_template.settings import Settings, load
from tests.clients import World
from tests.proxy import HOST, Proxy
from tests.surroundings import new_topics, settings_for

pytestmark = pytest.mark.servers

NO_DATABASE = "postgresql+asyncpg://nobody@127.0.0.1/none"
APART_SECONDS = 2.5
"""Between two messages, so that the first is given up well before the second would be."""


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[KafkaMessageLog]:
    log = KafkaMessageLog(settings)
    try:
        yield log
    finally:
        log.close()


@asynccontextmanager
async def behind_a_proxy() -> AsyncIterator[tuple[Settings, Settings, Proxy]]:
    """Settings that lead to a broker of its own, and some that do so through the proxy."""
    proxy = Proxy(HOST, 0)
    await proxy.listen()
    try:
        with EmbeddedKafka(quick_timeouts=True, proxy_port=proxy.port) as kafka, new_topics(kafka) as topics:
            proxy.leads_to(HOST, kafka.proxied_port)
            proxied = {"kafka__bootstrap_servers": f"{HOST}:{proxy.port}"}
            yield settings_for(kafka, NO_DATABASE, topics), settings_for(kafka, NO_DATABASE, topics, **proxied), proxy
    finally:
        await proxy.close()


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
        assert time.monotonic() - began < 8


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


@pytest.mark.slow
async def test_when_one_is_given_up_those_sent_after_it_are_not_sent_again() -> None:
    """The broker takes two and nobody hears its answers. librdkafka would send the second again under a new epoch."""
    async with behind_a_proxy() as (direct, proxied, proxy), opened(proxied) as log, asyncio.timeout(60):
        await acknowledged(log, "before")
        proxy.answers.hold()
        first = asyncio.ensure_future(log.append(message("key", '"first"')))
        await asyncio.sleep(APART_SECONDS)
        second = asyncio.ensure_future(log.append(message("key", '"second"')))
        with pytest.raises(TransientError):
            await first
        proxy.answers.release()
        with pytest.raises(TransientError):
            await second
        place = await acknowledged(log, "after")
        found = World(direct).read_to_end(direct.kafka.input_topic)
    values = [record.value for record in found]
    assert values.count(b'"first"') <= 1
    assert values.count(b'"second"') <= 1
    assert b'"after"' in [record.value for record in found if Place(record.partition, record.offset) == place]


async def acknowledged(log: KafkaMessageLog, text: str) -> Place:
    """Send it until somebody says where it lies: a machine with much to do may take longer than a writer waits."""
    while True:
        with suppress(TransientError):
            return await log.append(message("key", f'"{text}"'))
