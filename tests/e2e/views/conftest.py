"""A shop, a Redis that a test may do anything to, and projectors on both."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias
from uuid import uuid4

import pytest
from redis import Redis

from python_app_template.embedded import EmbeddedRedis
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings
from tests.clients import World
from tests.command_line import CommandLine, Done, given
from tests.e2e.conftest import Launch
from tests.processes import ServiceProcess, wait_until
from tests.streams import stream

Verify: TypeAlias = Callable[[], None]


@pytest.fixture(scope="session")
def valkey() -> Iterator[EmbeddedRedis]:
    """A server of our own: it is killed, emptied and set back."""
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
def redis(valkey: EmbeddedRedis) -> EmbeddedRedis:
    """The same server, empty."""
    with client_of(valkey) as client:
        client.flushall()
    return valkey


@contextmanager
def client_of(server: EmbeddedRedis) -> Iterator["Redis"]:
    """A client, for one moment."""
    client = Redis.from_url(server.url, decode_responses=True)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid4().hex[:8]}"


class Shop:
    """Messages at random, and a service that decides them."""

    def __init__(self, world: World, service: ServiceProcess) -> None:
        self.world, self.service = world, service
        self._chance = random.Random(7)

    def trade(self, messages: int = 200) -> None:
        """Send so many messages of every kind."""
        self.world.send_records(stream(self._chance, messages))

    def settle(self) -> None:
        """Wait until all that was sent is decided and published."""
        decided = partial(self.service.metric, "app_messages_consumed_total")
        wait_until(lambda: decided() >= len(self.world.sent), explain=self.service.explain)
        wait_until(lambda: self.service.metric("app_outbox_pending") == 0, explain=self.service.explain)

    @contextmanager
    def trading(self) -> Iterator[None]:
        """Send some all the time."""
        enough = threading.Event()

        def trade() -> None:
            while not enough.wait(0.02):
                self.trade(40)

        thread = threading.Thread(target=trade)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()


@pytest.fixture
def shop(launch: Launch, world: World) -> Shop:
    """A service that decides and publishes, and has something to show."""
    shop = Shop(world, launch("shop").until_ready())
    shop.trade(400)
    shop.settle()
    return shop


@pytest.fixture
def project(launch: Launch, redis: EmbeddedRedis, prefix: str) -> Callable[..., ServiceProcess]:
    """Start a projector, by name and with more variables; it is not waited for."""

    def start(name: str = "projector", **variables: str) -> ServiceProcess:
        own = {"APP_ROLES": "projector", "APP_REDIS__URL": redis.url, "APP_REDIS__PREFIX": prefix}
        return launch(name, **{**own, **variables})

    return start


@pytest.fixture
def cli(settings: Settings, redis: EmbeddedRedis, prefix: str, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The console script."""
    options = [*given(settings), f"--set=redis.url={redis.url}", f"--set=redis.prefix={prefix}"]
    return CommandLine(options, capsys)


@pytest.fixture
def verify(cli: CommandLine, shop: Shop) -> Verify:
    """Hold the copy against the tables, once nothing is on its way into these: `views verify`."""

    def verified() -> None:
        found: list[Done] = []

        def is_there() -> bool:
            found.append(cli("views", "verify", "--wait=20"))
            return found[-1].code != ExitCode.PREFLIGHT

        shop.settle()
        wait_until(is_there, explain=lambda: found[-1].err)
        assert found[-1].code == 0, found[-1]
        assert found[-1].rows[-1]["moving"] == 0
        assert found[-1].rows[-1]["equal"] > 0

    return verified
