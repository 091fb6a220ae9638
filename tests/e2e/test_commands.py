"""What the API tells of commands once an operator, or time, has been at work on what is known of them."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from python_app_template.settings import Settings
from tests.command_line import CommandLine, given
from tests.e2e.conftest import Launch
from tests.processes import ServiceProcess, wait_until
from tests.sql import run_sql

pytestmark = pytest.mark.servers

AGED = "UPDATE dead_letters SET written_at = now() - interval '31 days'"
LEFT = "SELECT count(*) FROM dead_letters"


@pytest.fixture
def api(launch: Launch) -> Iterator[httpx.Client]:
    """A process that answers, and decides nothing."""
    process = launch("api", APP_ROLES="api", APP_AUTH__MODE="none").until_ready()
    with httpx.Client(base_url=f"http://127.0.0.1:{process.port}", timeout=40) as asking:
        yield asking


def placed(api: httpx.Client, wait: int = 0) -> Mapping[str, Any]:
    """An order; all of one partition."""
    body = {"order_id": "o", "lines": [{"sku": "nobody has it", "qty": 1}]}
    said: Mapping[str, Any] = api.post(f"/v1/orders?wait={wait}", json=body).json()
    return said


def unknown_order(api: httpx.Client) -> Mapping[str, Any]:
    said: Mapping[str, Any] = api.delete("/v1/orders/never?wait=30").json()
    assert (said["status"], said["reason"]) == ("dead_lettered", "unknown_order")
    return said


def told(api: httpx.Client, said: Mapping[str, Any], wait: int = 0) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = api.get(f"/v1/commands/{said['command_id']}?wait={wait}").json()
    return {name: value for name, value in answer.items() if name != "command_id"}


def test_what_an_operator_moved_past_is_skipped_also_for_who_waits_and_stays_so(
    launch: Launch, api: httpx.Client, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = launch("worker").until_ready()
    assert placed(api, wait=30)["status"] == "applied"
    assert worker.terminate() == 0
    said = placed(api)
    assert told(api, said) == {"status": "pending"}
    partition = said["command_id"].partition("-")[0]
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(told, api, said, 30)
        move = ("positions", "set", "--partition", partition, "--offset", "latest", "--force", "--reason", "a test")
        moved = CommandLine(given(settings), capsys)(*move)
        assert moved.code == 0, moved.err
        assert waiting.result() == {"status": "skipped"}
    worker.start()
    assert placed(api, wait=30)["status"] == "applied"
    assert told(api, said) == {"status": "skipped"}


def test_what_is_older_than_what_is_kept_is_unknown_and_what_is_younger_is_not(
    launch: Launch, api: httpx.Client, settings: Settings
) -> None:
    worker: ServiceProcess = launch("worker").until_ready()
    before, url = unknown_order(api), settings.database.url.get_secret_value()
    run_sql(url, AGED)
    assert worker.terminate() == 0
    worker.start()  # it looks for what is old at once, and then every minute
    wait_until(lambda: run_sql(url, LEFT) == 0, explain=worker.explain)
    assert told(api, before) == {"status": "unknown"}
    after = unknown_order(api)
    assert told(api, after, wait=30)["reason"] == "unknown_order"
    assert told(api, before, wait=30) == {"status": "unknown"}
