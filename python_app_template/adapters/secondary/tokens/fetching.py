"""One small document from the issuer: two seconds, a bound of bytes, no redirect."""

import asyncio
import logging
import ssl
from functools import cache
from typing import Final

import httpx

from python_app_template.adapters.secondary.tokens.published_keys import NotFetched

SECONDS: Final = 2.0
LARGEST: Final = 256 * 1024
"""Bytes; an issuer's keys take some ten thousand."""
OK: Final = 200
PLAIN: Final = {"", "identity"}
HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity"}

logging.getLogger("httpx").setLevel(logging.WARNING)  # each request would be told


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # takes some 20 ms: once is enough


async def fetch(url: str, seconds: float = SECONDS) -> bytes:
    """Return what stands there; `seconds` are for all of it. Raises NotFetched."""
    # A proxy of the environment is for what is outside: it would make this machine another one.
    outside = url.startswith("https://")
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(headers=HEADERS, trust_env=outside, verify=_trusted(), follow_redirects=False) as client,
            client.stream("GET", url) as answer,
        ):
            return await _body(answer)
    except TimeoutError:
        raise NotFetched(f"no answer within {seconds:g} s", "no_answer") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as fault:
        raise NotFetched(f"{fault}" or type(fault).__name__, type(fault).__name__) from None


async def _body(answer: httpx.Response) -> bytes:
    if answer.is_redirect:
        raise NotFetched(f"it answers {answer.status_code}: redirects are not followed", "redirect")
    if answer.status_code != OK:
        raise NotFetched(f"it answers {answer.status_code}", f"http_{answer.status_code}")
    if answer.headers.get("content-encoding", "") not in PLAIN:
        raise NotFetched("its answer is compressed, which was not asked for", "compressed")
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > LARGEST:
            raise NotFetched(f"its answer is larger than {LARGEST} bytes", "too_large")
    return bytes(body)
