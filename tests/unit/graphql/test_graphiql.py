"""GraphiQL: files of this package, and nothing from anywhere else."""

import hashlib
import re
from pathlib import Path

import httpx
import pytest

from python_app_template.adapters.primary import graphql
from python_app_template.adapters.primary.web import documentation
from python_app_template.adapters.primary.web.application import application
from python_app_template.core.access import rules

PAGES = Path(graphql.__file__).parent / "pages"
TAKEN_IN = {"graphiql.min.js", "graphiql.min.css", "react.production.min.js", "react-dom.production.min.js"}


async def get(path: str) -> httpx.Response:
    async def everybody(*_: object) -> None:
        pass

    routes = documentation.page_routes(rules.SEE_DOCS, "/graphiql", graphql.__name__)
    app = application(routes, everybody, max_body_bytes=1024, beside={})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:
        return await http.get(path)


async def test_the_page_and_all_that_it_names_are_files_of_this_package() -> None:
    named = [path for path in re.findall(r'(?:src|href)="([^"]+)"', (await get("/graphiql")).text) if path != "data:,"]
    assert {path.removeprefix("/graphiql/") for path in named} == TAKEN_IN | {"start.js", "start.css"}
    for path in named:
        assert (await get(path)).status_code == 200


@pytest.mark.parametrize("name", ["index.html", "start.js", "start.css"])
def test_what_we_wrote_names_no_foreign_address(name: str) -> None:
    code = re.sub(r"^//.*$", "", (PAGES / name).read_text(), flags=re.MULTILINE)
    assert not re.search(r"(https?:|wss?:)?//[\w.-]+\.\w", code)


def test_what_was_taken_in_loads_nothing_from_elsewhere() -> None:
    styles = (PAGES / "graphiql.min.css").read_text()
    assert not re.search(r"url\((?!\"?data:)|@import", styles)
    script = (PAGES / "graphiql.min.js").read_text()
    assert not re.search(r"\bnew Function\(|[^\w.]eval\(|importScripts\(", script)


async def test_the_page_runs_scripts_of_its_own_and_asks_nobody_else() -> None:
    policy = (await get("/graphiql")).headers["content-security-policy"]
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'"} <= set(policy.split("; "))
    assert "http" not in policy
    assert "<script>" not in (PAGES / "index.html").read_text()


def test_what_is_not_ours_is_what_was_taken_in() -> None:
    lines = [line.split() for line in (PAGES / "SHA256SUMS").read_text().splitlines()]
    sums = {name: expected for expected, name in lines}
    assert sums.keys() == TAKEN_IN
    for name, expected in sums.items():
        assert hashlib.sha256((PAGES / name).read_bytes()).hexdigest() == expected
    assert (PAGES / "LICENSE").read_text().count("MIT License") == 2


@pytest.mark.parametrize("name", ["LICENSE", "SHA256SUMS", "schema.graphql", "..%2Fschema.graphql", "swagger-ui.css"])
async def test_no_other_file_can_be_asked_for(name: str) -> None:
    assert (await get(f"/graphiql/{name}")).status_code == 404
