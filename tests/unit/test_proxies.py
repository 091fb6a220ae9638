"""Forwarded headers are believed of listed proxies alone, and of what they saw alone."""

from typing import Any

import httpx
import pytest
from litestar import Request, get

from python_app_template.adapters.primary.web.application import application
from python_app_template.adapters.primary.web.exchange import EXCHANGE

TRUSTED = ("10.0.0.0/8", "192.0.2.1", "2001:db8:aaaa::/48")


@get("/whoami", opt={})
async def whoami(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"address": request.scope[EXCHANGE].address, "scheme": request.scope["scheme"]}  # type: ignore[typeddict-item] # a key of ours


async def seen(peer: str, *forwarded_for: str, proto: str = "", trusted: tuple[str, ...] = TRUSTED) -> tuple[str, str]:
    async def everybody(*_: object) -> None:
        pass

    app = application([whoami], everybody, max_body_bytes=1024, beside={}, trusted_proxies=trusted)
    transport = httpx.ASGITransport(app=app, client=(peer, 4711))
    headers = [("x-forwarded-for", line) for line in forwarded_for] + ([("x-forwarded-proto", proto)] if proto else [])
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        answer = (await client.get("/whoami", headers=headers)).json()
    return answer["address"], answer["scheme"]


async def test_a_stranger_is_not_believed() -> None:
    assert await seen("203.0.113.5", "198.51.100.9", proto="https") == ("203.0.113.5", "http")
    assert await seen("192.0.2.2", "198.51.100.9") == ("192.0.2.2", "http")
    assert await seen("2001:db8:aaab::1", "198.51.100.9") == ("2001:db8:aaab::1", "http")


async def test_without_a_list_nobody_is_believed() -> None:
    assert await seen("127.0.0.1", "198.51.100.9", proto="https", trusted=()) == ("127.0.0.1", "http")


@pytest.mark.parametrize("peer", ["10.0.0.1", "192.0.2.1", "2001:db8:aaaa::1"])
async def test_a_listed_proxy_is_believed(peer: str) -> None:
    assert await seen(peer, "198.51.100.9", proto="https") == ("198.51.100.9", "https")
    assert await seen(peer) == (peer, "http")


@pytest.mark.parametrize(
    ("forwarded_for", "found"),
    [
        (["198.51.100.9, 10.0.0.7"], "198.51.100.9"),
        (["198.51.100.9", "10.0.0.7, 10.0.0.8"], "198.51.100.9"),
        (["198.51.100.9,203.0.113.5,10.0.0.7"], "203.0.113.5"),
        (["10.0.0.9, 10.0.0.7"], "10.0.0.9"),
        (["198.51.100.9:4711"], "198.51.100.9"),
        (["[2001:db8::5]:443"], "2001:db8::5"),
        (["2001:db8:bbbb::2, 2001:db8:aaaa:7::1"], "2001:db8:bbbb::2"),
    ],
)
async def test_several_proxies_are_gone_through_from_the_last_one(forwarded_for: list[str], found: str) -> None:
    assert (await seen("10.0.0.1", *forwarded_for))[0] == found


@pytest.mark.parametrize("claimed", ["127.0.0.1", "10.9.9.9", "192.0.2.1", "::1", "x", ",,,", "unknown"])
async def test_what_a_client_claims_of_itself_is_only_passed_on(claimed: str) -> None:
    """A proxy appends whom it saw: the client, who wrote the rest, is the first that is not trusted."""
    assert (await seen("10.0.0.1", f"{claimed}, 198.51.100.9"))[0] == "198.51.100.9"
    assert (await seen("10.0.0.1", claimed, "198.51.100.9, 10.0.0.2"))[0] == "198.51.100.9"


@pytest.mark.parametrize("proto", ["ftp", "javascript", "https, ftp"])
async def test_a_scheme_that_is_none_is_passed_over(proto: str) -> None:
    assert (await seen("10.0.0.1", proto=proto))[1] == "http"
