"""The embedded Valkey: real, keeping what it was told to keep, and gone with whoever started it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis, exceptions

from python_app_template.embedded import BackendError, EmbeddedRedis
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
def client(server: EmbeddedRedis) -> Iterator["Redis"]:
    client = Redis.from_url(server.url, decode_responses=True)
    client.flushall()
    yield client
    client.close()


def test_it_throws_nothing_away_and_lets_nobody_in_without_its_password(server: EmbeddedRedis, client: "Redis") -> None:
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    stranger = Redis(port=server.port)
    with pytest.raises(exceptions.AuthenticationError):
        stranger.ping()
    stranger.close()


def test_restarted_it_is_what_it_was_when_it_was_saved(server: EmbeddedRedis, client: "Redis") -> None:
    url, pid = server.url, server.pid
    client.set("key", "saved")
    client.save()
    client.set("key", "later")
    server.restart()
    assert client.get("key") == "saved"
    assert (server.url, server.pid != pid) == (url, True)
    server.restart(empty=True)
    assert client.get("key") is None


def test_paused_it_answers_nobody_and_resumed_it_goes_on(server: EmbeddedRedis, client: "Redis") -> None:
    client.set("key", "there")
    hasty = Redis.from_url(server.url, socket_timeout=0.2, retry=None)
    server.pause()
    try:
        with pytest.raises(exceptions.TimeoutError):
            hasty.get("key")
    finally:
        server.resume()
    assert client.get("key") == "there"
    hasty.close()


def test_nothing_stays_behind_a_caller_that_is_killed() -> None:
    code = """
import time
from python_app_template.embedded import EmbeddedRedis
with EmbeddedRedis() as server:
    print(server.pid, server.dump.parent, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        pid, directory = caller.stdout.readline().decode().split()
        assert Path(directory).is_dir()
        os.kill(caller.pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists() and not Path(directory).exists())


def test_settings_of_the_servers_own_are_passed_on() -> None:
    with EmbeddedRedis({"maxmemory": "5mb"}) as server, Redis.from_url(server.url) as client:
        assert client.info("memory")["maxmemory"] == 5 * 2**20


def test_one_that_does_not_start_shows_the_end_of_its_log() -> None:
    with pytest.raises(BackendError, match=r"Valkey exited with 1 instead of starting; its log ends: .*nonsense"):
        EmbeddedRedis({"nonsense": "yes"}).start()


def test_one_that_was_not_started_says_so() -> None:
    with pytest.raises(BackendError, match=r"call start\(\)"):
        EmbeddedRedis().kill()
