import asyncio
import json
import os
import signal
import socket
from collections.abc import Sequence

import httpx
import psutil
import pytest
from prometheus_client import CollectorRegistry, Counter
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from python_app_template.adapters.primary.http import Address, CannotListen, Front, application, serving

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


async def test_refusals_are_problem_documents() -> None:
    async with client() as http:
        unknown, wrong = await http.get("/nothing"), await http.post("/metrics")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert unknown.headers["content-type"] == wrong.headers["content-type"] == "application/problem+json"
    assert unknown.json()["detail"] == "Not Found: GET /nothing"
    assert "GET" in wrong.headers["allow"]


async def test_a_bug_answers_without_its_details() -> None:
    async with client(fails=True) as http:
        answer = await http.get("/health/live")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.json()["detail"] == "Internal Server Error"


async def test_a_free_port_is_taken_and_given_back() -> None:
    app = application(CollectorRegistry(), lambda: WELL, lambda: WELL)
    async with serving(app, "127.0.0.1", 0) as address, httpx.AsyncClient() as http:
        assert address.port > 0
        answer = await http.get(f"http://127.0.0.1:{address.port}/health/live")
        assert answer.status_code == 200
    async with serving(app, *address) as again:
        assert again == Address("127.0.0.1", address.port)


async def test_no_part_of_an_answer_waits_for_the_acknowledgement_of_another() -> None:
    """Of Nagle's algorithm and delayed acknowledgements 40 ms come with each answer."""
    app = application(CollectorRegistry(), lambda: WELL, lambda: WELL)
    async with serving(app, "127.0.0.1", 0) as address, httpx.AsyncClient() as http:
        await http.get(f"http://127.0.0.1:{address.port}/health/live")
        assert [no_delay(at_server) for at_server in connections_to(address)] == [1]


def connections_to(address: Address) -> list[int]:
    """Descriptors of this process's connections, at the server's end."""
    found = psutil.Process().net_connections("tcp4")
    return [c.fd for c in found if c.laddr == tuple(address) and c.status == psutil.CONN_ESTABLISHED]


def no_delay(descriptor: int) -> int:
    with socket.socket(fileno=os.dup(descriptor)) as found:
        return found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_server_that_is_stopped_at_once_stops() -> None:
    async with asyncio.timeout(20), serving(application(CollectorRegistry(), lambda: WELL, lambda: WELL), "::1", 0):
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


async def test_health_and_metrics_are_nowhere_else_when_they_have_a_port_of_their_own() -> None:
    own = application(CollectorRegistry(), lambda: WELL, lambda: WELL)
    for apart, status in [(False, 200), (True, 404)]:
        transport = httpx.ASGITransport(Front(own, apart=apart))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
            for path in ["/metrics", "/health/live", "/health/ready"]:
                assert (await http.get(path)).status_code == status


async def test_until_a_role_answers_whoever_asks_is_told_to_come_again() -> None:
    own = application(CollectorRegistry(), lambda: WELL, lambda: WELL)
    front = Front(own, awaited=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://service") as http:
        for answer in [await http.get("/v1/orders/o"), await http.post("/v1/orders", json={})]:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["code"] == "unavailable"
        assert (await http.get("/health/live")).status_code == 200
        front.mount(own)
        assert (await http.get("/v1/orders/o")).status_code == 404


async def test_until_a_role_answers_a_websocket_is_not_accepted() -> None:
    front = Front(application(CollectorRegistry(), lambda: WELL, lambda: WELL), awaited=True)
    async with serving(front, "127.0.0.1", 0) as (_, port):
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{port}/graphql")


async def said_to(address: Address, *pieces: bytes) -> bytes:
    """Send pieces until the other side ends the connection; return what it said."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_what_is_no_request_is_refused_with_a_problem_document() -> None:
    own = application(CollectorRegistry(), lambda: WELL, lambda: WELL)
    async with serving(own, "127.0.0.1", 0) as address, asyncio.timeout(10):
        for nonsense in [b"\x16\x03\x01 no request\r\n\r\n", "GET /é HTTP/1.1\r\n\r\n".encode("latin-1")]:
            head, _, body = (await said_to(address, nonsense)).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 ")
            assert b"application/problem+json" in head
            assert json.loads(body)["code"] == "bad_request"


async def test_who_never_ends_the_headers_is_cut_off() -> None:
    own = application(CollectorRegistry(), lambda: WELL, lambda: WELL)
    async with serving(own, "127.0.0.1", 0) as address, asyncio.timeout(10):
        endless = [b"GET /health/live HTTP/1.1\r\nx: ", *([b"x" * 65_536] * 100)]
        assert await said_to(address, *endless) == b""
        large = [b"GET /health/live HTTP/1.1\r\nconnection: close\r\nx: ", b"x" * 30_000, b"\r\n\r\n"]
        assert (await said_to(address, *large)).startswith(b"HTTP/1.1 200 ")
