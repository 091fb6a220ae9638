import asyncio
import signal
import socket
from collections.abc import Sequence

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from python_app_template.adapters.primary.http import Address, CannotListen, application, serving

Checks = Sequence[tuple[str, bool, str]]
WELL: Checks = [("database", True, ""), ("relay", True, "")]
ILL: Checks = [("database", False, "connection refused"), ("relay", True, "")]


def client(live: Checks = WELL, ready: Checks = WELL, *, fails: bool = False) -> httpx.AsyncClient:
    registry = CollectorRegistry()
    Counter("some_things", "Some.", registry=registry).inc()

    def judged() -> Checks:
        if fails:
            raise ZeroDivisionError
        return live

    app = application(registry, judged, lambda: ready)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://service")


async def test_metrics_come_in_the_format_that_was_asked_for() -> None:
    async with client() as http:
        plain = await http.get("/metrics")
        openmetrics = await http.get("/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0"})
    assert plain.headers["content-type"].startswith("text/plain")
    assert "some_things_total 1.0" in plain.text
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_a_service_that_is_well_says_so(path: str) -> None:
    async with client() as http:
        answer = await http.get(path)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": path.rpartition("/")[2],
        "failing": [],
        "checks": {"database": {"ok": True, "detail": ""}, "relay": {"ok": True, "detail": ""}},
    }


async def test_a_service_that_is_not_ready_names_the_failing_checks() -> None:
    async with client(ready=ILL) as http:
        ready, live = await http.get("/health/ready"), await http.get("/health/live")
    assert (ready.status_code, live.status_code) == (503, 200)
    assert ready.json()["failing"] == ["database"]
    assert ready.json()["checks"]["database"] == {"ok": False, "detail": "connection refused"}
    assert ready.headers["cache-control"] == "no-store"


async def test_a_dead_service_names_what_stands_still() -> None:
    async with client(live=ILL) as http:
        answer = await http.get("/health/live")
    assert (answer.status_code, answer.json()["status"]) == (503, "not live")


async def test_refusals_are_one_line_of_json() -> None:
    async with client() as http:
        unknown, wrong = await http.get("/nothing"), await http.post("/metrics")
    assert (unknown.status_code, unknown.json()) == (404, {"error": "Not Found: GET /nothing"})
    assert (wrong.status_code, wrong.json()) == (405, {"error": "Method Not Allowed: POST /metrics"})
    assert "GET" in wrong.headers["allow"]


async def test_a_bug_answers_without_its_details() -> None:
    async with client(fails=True) as http:
        answer = await http.get("/health/live")
    assert (answer.status_code, answer.json()) == (500, {"error": "Internal Server Error"})


async def test_a_free_port_is_taken_and_given_back() -> None:
    app = application(CollectorRegistry(), lambda: WELL, lambda: WELL)
    async with serving(app, "127.0.0.1", 0) as address, httpx.AsyncClient() as http:
        assert address.port > 0
        answer = await http.get(f"http://127.0.0.1:{address.port}/health/live")
        assert answer.status_code == 200
    async with serving(app, *address) as again:
        assert again == Address("127.0.0.1", address.port)


async def test_a_server_that_is_stopped_at_once_stops() -> None:
    async with asyncio.timeout(5), serving(application(CollectorRegistry(), lambda: WELL, lambda: WELL), "::1", 0):
        pass


async def test_signals_are_left_to_the_application() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    app = application(CollectorRegistry(), lambda: WELL, lambda: WELL)
    async with serving(app, "127.0.0.1", 0) as address, httpx.AsyncClient() as http:
        await http.get(f"http://127.0.0.1:{address.port}/health/live")
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_an_address_that_is_taken_is_one_clear_line() -> None:
    app = application(CollectorRegistry(), lambda: WELL, lambda: WELL)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"^can not listen on 127.0.0.1:{port}: Address already in use$"):
            async with serving(app, "127.0.0.1", port):
                pass


async def test_a_host_that_is_nobodys_is_one_clear_line() -> None:
    app = application(CollectorRegistry(), lambda: WELL, lambda: WELL)
    with pytest.raises(CannotListen, match=r"^can not listen on nowhere.invalid:0: \w.*$"):
        async with serving(app, "nowhere.invalid", 0):
            pass
