"""What is told over HTTP while a server is away: never that something is there, or is not, without knowing it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest

from python_app_template.embedded import EmbeddedKafka, EmbeddedPostgres
from tests.clients import World
from tests.e2e.conftest import Launch
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(240)]

ACKNOWLEDGED_WITHIN = 5.0
"""Seconds, as the contract says."""
LINES = [{"sku": "nobody has it", "qty": 1}]


@pytest.fixture
def api(launch: Launch) -> Iterator[httpx.Client]:
    """One that answers and decides, and tries again soon."""
    variables = {"APP_ROLES": "api,worker,relay", "APP_AUTH__MODE": "none", "APP_RETRY__LONGEST_SECONDS": "0.5"}
    process = launch(**variables).until_ready()
    with httpx.Client(base_url=f"http://127.0.0.1:{process.port}", timeout=40) as asking:
        yield asking


def place(api: httpx.Client, wait: int = 0, **more: str) -> httpx.Response:
    return api.post(f"/v1/orders?wait={wait}", json={"lines": LINES, **more})


def unavailable(answer: httpx.Response) -> Any:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


def test_a_write_that_the_broker_does_not_acknowledge_names_its_id_and_does_not_come_later(
    api: httpx.Client, world: World, kafka: EmbeddedKafka
) -> None:
    assert place(api, wait=30, order_id="before").json()["status"] == "applied"
    kafka.kill()
    try:
        began = time.monotonic()
        with ThreadPoolExecutor() as pool:
            named = pool.submit(place, api, order_id="lost")
            unnamed = pool.submit(place, api)
            changed = pool.submit(api.patch, "/v1/batches/b", json={"qty": 1})
        assert time.monotonic() - began < 2 * ACKNOWLEDGED_WITHIN
        said = [unavailable(asked.result()) for asked in (named, unnamed, changed)]
        assert {one["outcome"] for one in said} == {"unknown"}
        assert (said[0]["order_id"], said[2]["batch_ref"]) == ("lost", "b")
        assert UUID(said[1]["order_id"]).version == 7  # so that it can be repeated
    finally:
        kafka.restart()
    wait_until(lambda: place(api, wait=30, order_id="after").status_code == 202, 60)
    found = {message.body["order_id"] for message in world.read_to_end(world.kafka.input_topic)}
    assert found == {"before", "after"}
    assert place(api, wait=30, order_id="lost").json()["status"] == "applied"


def test_while_the_database_is_away_reads_say_so_and_writes_are_taken(
    api: httpx.Client, postgres: EmbeddedPostgres
) -> None:
    before = place(api, wait=30, order_id="before").json()
    postgres.kill()
    try:
        for path in ["/v1/orders/before", "/v1/orders", "/v1/stock", f"/v1/commands/{before['command_id']}"]:
            assert "outcome" not in unavailable(api.get(path))
        taken = place(api, wait=1, order_id="meanwhile")
        assert (taken.status_code, taken.json()["status"]) == (202, "pending")
    finally:
        postgres.restart()
    followed = f"{taken.headers['location']}?wait=30"
    wait_until(lambda: api.get(followed).status_code == 200, 60)
    assert api.get(followed).json()["status"] == "applied"
    assert api.get("/v1/orders/meanwhile").json()["status"] == "placed"
