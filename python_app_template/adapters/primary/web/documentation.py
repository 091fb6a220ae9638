"""The API's description and a page that shows it: files of this package, and nothing from anywhere else."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from python_app_template.adapters.primary.web.guard import ACTIONS
from python_app_template.adapters.primary.web.problems import not_found
from python_app_template.adapters.primary.web.validators import etag, matches
from python_app_template.core.access.policy import Action

MEDIA_TYPES: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "png": "image/png",
}
PAGE: Final = "index.html"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Swagger UI and GraphiQL set styles of their own on elements; no script runs but the files' own."""


def openapi_route(document: Mapping[str, Any], action: Action) -> HTTPRouteHandler:
    """Return what answers with the document."""
    body = msgspec.json.encode(document)

    async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
        return _file(request, body, "application/json")

    return _route("/openapi.json", openapi, action)


def page_routes(action: Action, path: str = "/docs", package: str = __package__) -> list[HTTPRouteHandler]:
    """Return what answers with the page and its files, which are in the package's folder `pages`."""

    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        return _shown(request, package, PAGE)

    async def part(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        return _shown(request, package, name)

    return [_route(path, page, action), _route(f"{path}/{{name:str}}", part, action)]


def _route(path: str, answer: Any, action: Action) -> HTTPRouteHandler:
    return HTTPRouteHandler(path, http_method="GET", opt={ACTIONS: (action,)}, include_in_schema=False)(answer)


def _shown(request: Request[Any, Any, Any], package: str, name: str) -> Response[bytes]:
    shown = pages(package).get(name)
    if shown is None:
        raise not_found("page")
    return _file(request, shown, MEDIA_TYPES[name.rpartition(".")[2]])


def _file(request: Request[Any, Any, Any], body: bytes, media_type: str) -> Response[bytes]:
    tag = etag(body)
    headers = {"etag": tag, "cache-control": "no-cache", "content-security-policy": POLICY}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


@cache
def pages(package: str) -> Mapping[str, bytes]:
    """Return the page's files by name; nothing else can be asked for."""
    folder = files(package) / "pages"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in MEDIA_TYPES}
