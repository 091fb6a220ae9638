"""Stock in Redis: events projected per second, reads of both backends, and what reads cost the writes."""

import argparse
import asyncio
import multiprocessing
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from redis import Redis

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.adapters.secondary.postgres.stock.views import PostgresStockViews
from python_app_template.adapters.secondary.redis.connection import connected
from python_app_template.adapters.secondary.redis.stock.copy import RedisStockCopy
from python_app_template.adapters.secondary.redis.stock.views import READS, RedisStockViews
from python_app_template.core.delivery.following import Place
from python_app_template.core.ports.views import StockViews, Window
from python_app_template.embedded import Backends, EmbeddedRedis
from python_app_template.settings import RedisSettings, Settings, load
from tests.benchmark.load import SKUS, batches, orders, send
from tests.benchmark.surroundings import cpu_seconds, prepared, started
from tests.processes import ServiceProcess, wait_until
from tests.sql import run_sql

LIMIT_SECONDS = 120.0
HESITATE = "projector.claimed=1*delay(2)"
"""So that it is up before it begins: what its start costs is not meant."""

TASKS = 16
PAGE = 50
SPENT = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument(
        "--orders", type=int, default=100_000, help="orders, two lines each, whose events are projected"
    )
    parser.add_argument("--written", type=int, default=30_000, help="orders to be written with and without reads")
    parser.add_argument("--reads", type=int, default=5000, help="reads per second meanwhile")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each kind of read is measured")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """All of it, on one set of servers."""
    settings = prepared(backends)
    servers, topic = settings.kafka.bootstrap_servers, settings.kafka.input_topic
    events = 0
    with started(settings, directory) as (service,):
        service.until_ready()
        # Stock first: a line of an unknown SKU is no event of a SKU.
        for messages in (batches(), orders(asked.orders, seed=1)):
            events += send(servers, topic, messages)
            wait_until(partial(has_published, service, events), LIMIT_SECONDS)
    with EmbeddedRedis() as redis:
        copy = load({"redis.url": redis.url, "redis.timeout_seconds": 30}).redis
        asyncio.run(begin_at_the_start(settings, copy))
        variables = {"APP_REDIS__URL": redis.url, "APP_FAILPOINTS__POINTS": HESITATE}
        with started(settings, directory / "projector", ("projector",), **variables) as (projector,):
            figures = projected(projector, redis, events)
            figures |= asyncio.run(reads(settings, copy, asked.seconds))
            figures |= written(settings, directory, copy, asked)
    return figures


def has_published(service: ServiceProcess, events: int) -> bool:
    """Whether the broker holds so many."""
    return service.metric("app_events_published_total") >= events


async def begin_at_the_start(settings: Settings, copy: RedisSettings) -> None:
    """Make an empty copy that stands at the log's start, so that every event has to be projected."""
    topic = await KafkaAdmin(settings).topic(settings.kafka.output_topic)
    async with connected(copy) as client:
        writer = RedisStockCopy(client, copy)
        await writer.swap(await writer.begin(Place(topic.id, dict.fromkeys(range(topic.partitions), 0))))


def projected(projector: ServiceProcess, redis: EmbeddedRedis, events: int) -> dict[str, float]:
    """Events per second, and what that costs both processes."""
    assert redis.pid
    projector.until_ready()
    before = cpu_seconds(projector.pid), cpu_seconds(redis.pid)
    per_second = pace(projector, "app_view_events_total", events, outcome="applied")
    return {
        "events": events,
        "projected_events_per_second": per_second,
        "projector_cpu_seconds": cpu_seconds(projector.pid) - before[0],
        "redis_cpu_seconds": cpu_seconds(redis.pid) - before[1],
    }


async def reads(settings: Settings, copy: RedisSettings, seconds: float) -> dict[str, float]:
    """Reads per second of one process, so many at once, of a SKU and of a page."""
    engine = create_engine(settings.database, "bench")
    figures: dict[str, float] = {}
    async with connected(copy) as client:
        sides: dict[str, StockViews] = {
            "redis": RedisStockViews(client, copy),
            "postgres": PostgresStockViews(engine),
        }
        for name, views in sides.items():
            figures[f"{name}_reads_per_second"] = await rate(seconds, partial(read_one, views))
            figures[f"{name}_pages_per_second"] = await rate(seconds, partial(read_page, views))
    await engine.dispose()
    return figures


async def read_one(views: StockViews, number: int) -> object:
    """Ask for one of the SKUs."""
    return await views.stock([sku(number)])


async def read_page(views: StockViews, number: int) -> object:
    """Ask for a page behind one of the SKUs."""
    return await views.page(Window(PAGE, after=sku(number)))


async def rate(seconds: float, ask: Callable[[int], Awaitable[object]]) -> float:
    """How often per second it is answered."""
    until, asked = time.monotonic() + seconds, 0

    async def go_on(number: int) -> None:
        nonlocal asked
        while time.monotonic() < until:
            await ask(number + TASKS * asked)
            asked += 1

    await asyncio.gather(*map(go_on, range(TASKS)))
    return asked / seconds


def sku(number: int) -> str:
    """One of those that there are."""
    return f"SKU-{number % SKUS:04}"


def written(settings: Settings, directory: Path, copy: RedisSettings, asked: argparse.Namespace) -> dict[str, float]:
    """Orders per second without reads, with them, and without again; and what Postgres does for reads alone."""
    before = write(settings, directory, asked.written, seed=2)
    with reading(copy, asked.reads) as answered:
        with_reads = write(settings, directory, asked.written, seed=3)
        meanwhile = answered()
    after = write(settings, directory, asked.written, seed=4)
    idle = transactions(settings, asked.seconds)
    with reading(copy, asked.reads):
        read_from = transactions(settings, asked.seconds)
    return {
        "orders_per_second_before": before,
        "orders_per_second_with_reads": with_reads,
        "orders_per_second_after": after,
        "reads_per_second_meanwhile": meanwhile,
        "postgres_transactions_per_second_idle": idle,
        "postgres_transactions_per_second_with_reads": read_from,
    }


def write(settings: Settings, directory: Path, count: int, seed: int) -> float:
    """Orders per second of a service that finds them waiting, from the first batch in its metrics to the last."""
    send(settings.kafka.bootstrap_servers, settings.kafka.input_topic, orders(count, seed))
    with started(settings, directory) as (service,):
        service.until_ready()
        return pace(service, "app_messages_consumed_total", count, type="order.placed")


def pace(process: ServiceProcess, metric: str, total: int, **labels: str) -> float:
    """How much a counter moves per second, from when it is first seen above 0 to its total."""
    seen: list[tuple[float, float]] = []

    def is_done() -> bool:
        counted = process.metric(metric, **labels)
        if counted:
            seen.append((time.monotonic(), counted))
        return counted >= total

    wait_until(is_done, LIMIT_SECONDS, process.explain)
    assert len(seen) > 1, f"{total} were through at the first look; ask for more"
    (began, first), (ended, last) = seen[0], seen[-1]
    return (last - first) / (ended - began)


def transactions(settings: Settings, seconds: float) -> float:
    """What Postgres commits per second in this database. Its statistics are a second late."""
    url = settings.database.url.get_secret_value()
    time.sleep(1.5)
    first, began = int(run_sql(url, SPENT)), time.monotonic()
    time.sleep(seconds)
    return (int(run_sql(url, SPENT)) - first) / (time.monotonic() - began)


@contextmanager
def reading(copy: RedisSettings, per_second: int) -> Iterator[Callable[[], float]]:
    """Let another process read single SKUs, so many per second; yields what tells how many it really has."""
    context = multiprocessing.get_context("spawn")
    answered = context.Value("Q", 0)
    process = context.Process(
        target=read_all_the_time, args=(copy.url.get_secret_value(), copy.prefix, per_second, answered)
    )
    process.start()
    try:
        wait_until(lambda: answered.value > 0)
        began, before = time.monotonic(), answered.value
        yield lambda: (answered.value - before) / (time.monotonic() - began)
    finally:
        process.kill()
        process.join()


def read_all_the_time(url: str, prefix: str, per_second: int, answered: Any) -> None:
    """Ask as the service does, with as little of a client as possible: what is measured are the servers."""
    client = Redis.from_url(url)
    script = client.script_load("\n".join(file.read_text("utf-8") for file in [*READS, READS[0].parent / "stock.lua"]))
    commands = [command(script, prefix, sku(number)) for number in range(SKUS)]
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 6379)) as connection:
        connection.sendall(packed("AUTH", parts.password or ""))
        connection.recv(100)
        began, asked = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * per_second)
            for number in range(asked, due):
                connection.sendall(commands[number * 7 % SKUS])
                assert connection.recv(65536)[:1] == b"$"
            asked = answered.value = due
            time.sleep(0.002)


def command(script: str, prefix: str, name: str) -> bytes:
    """A read of one SKU, as it goes over the wire."""
    return packed("EVALSHA", script, "1", f"{prefix}:stock", msgspec.msgpack.encode({"skus": [name], "oldest": 10_000}))


def packed(*parts: str | bytes) -> bytes:
    """A command in Redis' protocol."""
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in encoded)
