"""The ASGI application around an API: routing, guard, problems for every refusal, CORS, proxies."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import Guard
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from python_app_template.adapters.primary.web.exchange import Edge
from python_app_template.adapters.primary.web.problems import OPTIONS, answer


def application(
    routes: Sequence[HTTPRouteHandler],
    guard: Guard,
    *,
    max_body_bytes: int,
    beside: Mapping[str, ASGIApp],
    cors_origins: Collection[str] = (),
    trusted_proxies: Collection[str] = (),
) -> ASGIApp:
    """Return it; `beside` are applications of their own, by their whole path, which judge their own requests."""
    api = Litestar(
        routes,
        guards=[guard],
        exception_handlers={Exception: answer},
        request_max_body_size=max_body_bytes,
        openapi_config=None,
        logging_config=None,
    )
    inside: ASGIApp = _Beside(api, beside)  # type: ignore[arg-type] # the same protocol under another name
    if cors_origins:
        inside = CORSMiddleware(
            inside,
            allow_origins=sorted(cors_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type", "if-none-match", "x-request-id", "traceparent"],
            expose_headers=["etag", "location", "retry-after", "x-request-id", "www-authenticate"],
        )
    return _believing(Edge(inside), trusted_proxies) if trusted_proxies else Edge(inside)


def _believing(app: Any, proxies: Collection[str]) -> ASGIApp:
    """Take address and scheme from the forwarded headers of these alone."""
    proxied: Any = ProxyHeadersMiddleware(app, sorted(proxies))

    async def believing(scope: Scope, receive: Receive, send: Send) -> None:
        await proxied(scope, receive, send)

    return believing


class _Beside:
    def __init__(self, api: ASGIApp, beside: Mapping[str, ASGIApp]) -> None:
        self._api, self._beside = api, beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "OPTIONS":
            scope = {**scope, "method": OPTIONS}
        await self._beside.get(scope.get("path", ""), self._api)(scope, receive, send)
