"""The API's description and its page: as the code has it, and nothing from anywhere else."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from python_app_template.adapters.primary.rest.operations import OPERATIONS, openapi
from python_app_template.adapters.primary.web import documentation
from python_app_template.adapters.primary.web.application import application
from python_app_template.core.access import rules

ROOT = Path(__file__).parents[3]
PAGES = Path(documentation.__file__).parent / "pages"


@pytest.fixture
def described() -> dict[str, Any]:
    return openapi("python-app-template", "0.1.0")


def test_the_document_that_is_committed_is_what_the_code_says(described: dict[str, Any]) -> None:
    """`python -m python_app_template.adapters.primary.rest.description` writes it."""
    assert json.loads((ROOT / "docs/openapi.json").read_text()) == described


def test_each_operation_is_described_with_what_it_refuses(described: dict[str, Any]) -> None:
    told = {(path, method.upper()) for path, methods in described["paths"].items() for method in methods}
    assert told == {(operation.documented_path, operation.method) for operation in OPERATIONS}
    for methods in described["paths"].values():
        for operation in methods.values():
            assert {"400", "401", "403", "405", "429", "503"} <= operation["responses"].keys()


def test_each_operation_is_shown_under_a_tag_that_says_what_it_holds(described: dict[str, Any]) -> None:
    told = {tag["name"] for tag in described["tags"] if tag["description"]}
    used = [operation["tags"] for methods in described["paths"].values() for operation in methods.values()]
    assert {tuple(tags) for tags in used} == {(name,) for name in told}


def test_every_operation_has_an_action_that_the_policy_names() -> None:
    for operation in OPERATIONS:
        assert operation.actions
        assert set(operation.actions) <= rules.POLICY.rules.keys()


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert named <= described["components"]["schemas"].keys()


def test_bodies_are_the_messages_own_rules(described: dict[str, Any]) -> None:
    order = described["components"]["schemas"]["PlaceOrder"]
    assert order["additionalProperties"] is False
    assert order["properties"]["lines"]["maxItems"] == 100
    assert described["components"]["schemas"]["Line"]["properties"]["qty"]["maximum"] == 1_000_000


async def get(path: str) -> httpx.Response:
    async def everybody(*_: object) -> None:
        pass

    app = application(documentation.page_routes(rules.SEE_DOCS), everybody, max_body_bytes=1024, beside={})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:
        return await http.get(path)


async def test_the_page_and_all_that_it_names_are_files_of_this_package() -> None:
    page = await get("/docs")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(named) >= 3
    for path in named:
        if path != "data:,":
            assert path.startswith("/docs/")
            assert (await get(path)).status_code == 200


@pytest.mark.parametrize("name", ["index.html", "start.js"])
def test_the_page_names_no_foreign_address(name: str) -> None:
    code = re.sub(r"^//.*$", "", (PAGES / name).read_text(), flags=re.MULTILINE)
    assert not re.search(r"(https?:)?//[\w.-]+\.\w", code)


async def test_the_page_runs_scripts_of_its_own_and_asks_nobody_else() -> None:
    policy = (await get("/docs")).headers["content-security-policy"]
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'"} <= set(policy.split("; "))
    assert "http" not in policy
    assert "validatorUrl: null" in (PAGES / "start.js").read_text()


def test_what_is_not_ours_is_what_was_taken_in() -> None:
    lines = [line.split() for line in (PAGES / "SHA256SUMS").read_text().splitlines()]
    sums = {name: expected for expected, name in lines}
    assert sums.keys() == {"swagger-ui-bundle.js", "swagger-ui.css"}
    for name, expected in sums.items():
        assert hashlib.sha256((PAGES / name).read_bytes()).hexdigest() == expected
    assert "Apache License" in (PAGES / "LICENSE").read_text()


@pytest.mark.parametrize("name", ["..%2F..%2F__init__.py", "LICENSE", "SHA256SUMS", "nothing.js"])
async def test_no_other_file_can_be_asked_for(name: str) -> None:
    assert (await get(f"/docs/{name}")).status_code == 404


def test_every_schema_is_one(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1.")
    for schema in described["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
