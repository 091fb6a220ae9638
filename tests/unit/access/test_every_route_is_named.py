"""Whatever can be asked for by REST is named by the policy; the rest is refused."""

from typing import Any

import httpx
import pytest
from litestar import get
from litestar.handlers import HTTPRouteHandler

from python_app_template.adapters.primary.http import OWN
from python_app_template.adapters.primary.rest.operations import OPERATIONS, openapi
from python_app_template.adapters.primary.web import documentation
from python_app_template.adapters.primary.web.application import application
from python_app_template.adapters.primary.web.guard import ACTIONS, guard
from python_app_template.adapters.secondary.throttle import LocalThrottle
from python_app_template.adapters.secondary.tokens.key_ring import FixedKeys, Keys
from python_app_template.adapters.secondary.tokens.published_keys import PublishedKeys
from python_app_template.core.access import rules
from python_app_template.core.access.policy import Action
from python_app_template.core.access.rules import POLICY
from python_app_template.core.use_cases.admit import Admit
from tests.fakes.clock import FakeClock
from tests.unit.tokens.minting import SECRET, claims, minted, raw, rsa_key, tokens

FIXED = FixedKeys(SECRET.encode(), {"HS256"})


class Unreached:
    """Handlers that nobody may get to."""

    def __getattr__(self, name: str) -> Any:
        async def handler() -> None:
            raise AssertionError(f"{name} was reached")

        return handler


def routes() -> list[HTTPRouteHandler]:
    """Every route that the role `api` serves."""
    described = documentation.openapi_route(openapi("x", "0"), rules.SEE_OPENAPI)
    served = [operation.route(Unreached()) for operation in OPERATIONS]
    return [*served, described, *documentation.page_routes(rules.SEE_DOCS)]


def asked(handlers: list[Any], keys: Keys = FIXED, refused_per_minute: int = 1000) -> httpx.AsyncClient:
    throttle = LocalThrottle(FakeClock(), per_second=1000, refused_per_minute=refused_per_minute)
    admit = Admit(tokens(keys), throttle, POLICY)
    app = application(handlers, guard(admit), max_body_bytes=1024, beside={})
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop.example")


def bearer(*scopes: str) -> dict[str, str]:
    return {"authorization": f"Bearer {minted(SECRET, 'HS256', scope=list(scopes))}"}


def test_every_route_names_actions_that_the_policy_knows() -> None:
    unnamed = [route.paths for route in routes() if not route.opt.get(ACTIONS)]
    assert unnamed == []
    assert {action for route in routes() for action in route.opt[ACTIONS]} <= set(POLICY.rules)


async def test_every_route_that_is_not_public_refuses_who_is_unknown_and_who_has_no_scope() -> None:
    async with asked(routes()) as client:
        for operation in OPERATIONS:
            path = operation.documented_path.partition("{")[0] + ("x" if "{" in operation.documented_path else "")
            unknown = await client.request(operation.method, path)
            assert unknown.status_code == 401, path
            assert unknown.headers["www-authenticate"] == "Bearer"
            if len(operation.actions) == 1:
                others = set(rules.ALL_SCOPES) - POLICY.rules[operation.actions[0]].scopes
                assert (await client.request(operation.method, path, headers=bearer(*others))).status_code == 403, path


async def test_what_is_public_is_answered_without_a_token() -> None:
    async with asked(routes()) as client:
        for path in ("/openapi.json", "/docs"):
            assert (await client.get(path)).status_code == 200
    assert {"/metrics", "/health/live", "/health/ready"} == OWN
    assert POLICY.is_public(rules.SEE_METRICS)
    assert POLICY.is_public(rules.SEE_HEALTH)


@pytest.mark.parametrize("opt", [{}, {ACTIONS: ()}, {ACTIONS: (Action("order", "burn"),)}])
async def test_a_route_that_the_policy_does_not_name_is_refused_to_everybody(opt: dict[str, Any]) -> None:
    @get("/forgotten", opt=opt)
    async def forgotten() -> str:
        raise AssertionError("it was reached")

    async with asked([forgotten]) as client:
        for headers in ({}, bearer(*rules.ALL_SCOPES)):
            assert (await client.get("/forgotten", headers=headers)).status_code in {401, 403}
        assert (await client.get("/forgotten", headers=bearer(*rules.ALL_SCOPES))).status_code == 403


async def test_a_token_that_somebody_made_up_is_answered_as_401_with_the_reason() -> None:
    forged = [minted(rsa_key(), "RS256"), minted(SECRET[::-1], "HS256"), raw({"alg": "none"}, claims()), "x" * 9000]
    async with asked(routes()) as client:
        for token in forged:
            answer = await client.get("/v1/stock", headers={"authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
            assert answer.headers["content-type"] == "application/problem+json"


async def test_many_made_up_tokens_are_answered_as_429_and_a_good_one_is_not() -> None:
    async with asked(routes(), refused_per_minute=3) as client:
        found = [(await client.get("/v1/stock")).status_code for _ in range(5)]
        assert found == [401, 401, 401, 429, 429]
        assert (await client.get("/v1/stock")).headers["retry-after"] == "60"
        assert (await client.get("/v1/stock", headers=bearer())).status_code == 403


async def test_without_the_issuers_keys_the_answer_is_503_and_what_is_public_is_there() -> None:
    async def never() -> bytes:
        raise AssertionError("a request waits for it")

    away = PublishedKeys(never, {"RS256"}, FakeClock(), lambda _: None)
    async with asked(routes(), away) as client:
        answer = await client.get("/v1/stock", headers={"authorization": f"Bearer {minted()}"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await client.get("/v1/stock")).status_code == 401
        assert (await client.get("/openapi.json")).status_code == 200
