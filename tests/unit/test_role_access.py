"""The way in as a process opens it: by each mode, with an issuer that answers, is away, and comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from python_app_template.core.access.policy import Allowed
from python_app_template.core.access.refusals import KeysAway, TooMany, Unauthenticated
from python_app_template.core.access.rules import POLICY, READ_STOCK
from python_app_template.core.ports.checks import CheckDoubtful
from python_app_template.lifecycle import Part
from python_app_template.monitoring.monitoring import Monitoring
from python_app_template.roles.access import access_checks, open_access
from python_app_template.settings import load
from python_app_template.world import World, connect
from tests.fakes.clock import FakeClock
from tests.processes import wait_until
from tests.unit.tokens.minting import AUDIENCE, ISSUER, SECRET, jwk, jwks, minted, pem, rsa_key
from tests.unit.tokens.test_fetching import server

JWT = {"auth.mode": "jwt", "auth.issuer": ISSUER, "auth.audience": AUDIENCE}
HERE = "192.0.2.7"


@asynccontextmanager
async def world(clock: FakeClock | None = None, **settings: object) -> AsyncIterator[World]:
    given = {name.replace("__", "."): value for name, value in settings.items()}
    monitoring = Monitoring(clock or FakeClock(), "0", "test", 60)
    async with connect(load({**JWT, **given}), monitoring) as opened:
        yield opened


def keys(*kids: str) -> bytes:
    body = jwks(*(jwk(rsa_key(), kid) for kid in kids))
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body


def token(kid: str = "k") -> str:
    return f"Bearer {minted(header={'kid': kid}, scope='stock:read')}"


def standing(opened: World) -> tuple[bool, str]:
    return next((ok, said) for name, ok, said in opened.monitoring.health.readiness() if name == "token keys")


async def run_once(part: Part, opened: World) -> None:
    """Run the part until it has told how things are."""
    before = standing(opened)
    task = asyncio.ensure_future(part.run())
    await asyncio.to_thread(wait_until, lambda: standing(opened) != before)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_without_authentication_everybody_is_let_in_so_often() -> None:
    async with world(auth__mode="none", api__rate_per_second=2) as opened:
        admit, parts = open_access(opened, POLICY)
        assert parts == []
        assert access_checks(opened) == ()
        for authorization in (None, "Basic YTpi"):
            subject, granted = await admit(READ_STOCK, authorization, HERE)
            assert (subject and subject.id, granted) == (None, Allowed())
        with pytest.raises(TooMany):
            await admit(READ_STOCK, None, HERE)


async def test_a_shared_secret_and_a_public_key_let_in_whom_they_signed() -> None:
    async with world(auth__secret=SECRET, auth__algorithms="HS256") as opened:
        admit, parts = open_access(opened, POLICY)
        subject, _ = await admit(READ_STOCK, f"Bearer {minted(SECRET, 'HS256', scope='stock:read')}", HERE)
        assert (subject and subject.id, parts) == ("ann", [])
        with pytest.raises(Unauthenticated):
            await admit(READ_STOCK, token(), HERE)
    async with world(auth__public_key=pem(rsa_key())) as opened:
        assert await open_access(opened, POLICY).admit(READ_STOCK, token(), HERE)


async def test_wrong_tokens_are_counted_by_address() -> None:
    async with world(auth__public_key=pem(rsa_key()), api__refused_per_minute=2) as opened:
        admit, _ = open_access(opened, POLICY)
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                await admit(READ_STOCK, "Bearer x", HERE)
        with pytest.raises(TooMany) as caught:
            await admit(READ_STOCK, None, HERE)
        assert caught.value.retry_after == 60
        assert await admit(READ_STOCK, token(), HERE)


async def test_an_issuer_that_comes_and_goes_shows_in_health_and_metrics() -> None:
    clock = FakeClock()
    async with server(keys("k")) as url, world(clock, auth__jwks_url=url) as opened:
        admit, (part,) = open_access(opened, POLICY)
        assert standing(opened) == (False, "not fetched yet")
        with pytest.raises(KeysAway):
            await admit(READ_STOCK, token(), HERE)
        await run_once(part, opened)
        assert standing(opened) == (True, "1 known")
        assert await admit(READ_STOCK, token(), HERE)
        assert [await check.look() for check in access_checks(opened)] == ["1 of the issuer can be used"]
    clock.time += 301
    await run_once(part, opened)
    assert standing(opened)[0]
    assert "can not be fetched" in standing(opened)[1]
    counted = {"operation": "fetch_keys", "error": "ConnectError"}
    assert opened.monitoring.metrics.registry.get_sample_value("app_retries_total", counted) == 1
    assert await admit(READ_STOCK, token(), HERE)


async def test_an_issuer_that_was_never_there_makes_the_service_unready_and_does_not_keep_it_from_starting() -> None:
    async with server(b"HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n") as url, world(auth__jwks_url=url) as opened:
        _, (part,) = open_access(opened, POLICY)
        await run_once(part, opened)
        assert standing(opened) == (False, "the issuer's keys can not be fetched: it answers 500")
        (check,) = access_checks(opened)
        with pytest.raises(CheckDoubtful, match="it answers 500"):
            await check.look()
