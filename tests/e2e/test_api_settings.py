"""What settings make of the API: limits, proxies and origins that are trusted, keys of the tokens and their issuer."""

import hmac
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from python_app_template.embedded.ports import ReservedPort
from tests.e2e.conftest import Launch
from tests.e2e.test_api import JWT, client, token
from tests.e2e.test_api_refusals import address_of, problem
from tests.processes import ServiceProcess, wait_until
from tests.unit.tokens.minting import AUDIENCE, ISSUER, claims, jwk, jwks, minted, pem, raw, rsa_key

pytestmark = pytest.mark.servers

PAGE = "https://shop.example"
DEEP = "{ orders(first: 1) { edges { ...E } } } fragment E on OrderEdge { node { lines { sku } } }"


def test_limits_count_subjects_and_addresses_behind_trusted_proxies(launch: Launch) -> None:
    limits = {"APP_API__RATE_PER_SECOND": "2", "APP_API__REFUSED_PER_MINUTE": "3"}
    deep = {"APP_GRAPHQL__MAX_DEPTH": "4"}
    around = {"APP_API__TRUSTED_PROXIES": "127.0.0.1", "APP_API__CORS_ORIGINS": PAGE}
    service = launch("api", APP_ROLES="api", **JWT, **limits, **deep, **around).until_ready()

    def asked(address: str, subject: str | None = None) -> httpx.Response:
        shown = {"authorization": f"Bearer {token(subject=subject)}"} if subject else {}
        headers = {"x-forwarded-for": address, "x-request-id": address} | shown
        return httpx.get(f"http://127.0.0.1:{service.port}/v1/stock", headers=headers)

    assert [asked("192.0.2.1").status_code for _ in range(3)] == [401] * 3
    refused = asked("192.0.2.1")
    problem(refused, 429, "too_many_requests")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert asked("192.0.2.2").status_code == 401
    assert address_of(service, "192.0.2.2") == "192.0.2.2"
    assert asked("192.0.2.1", "ann").status_code == 200
    wait_until(lambda: asked("192.0.2.3", "bob").status_code == 429)
    assert asked("192.0.2.3", "eve").status_code == 200
    _assert_cors(service)
    with client(service, subject="deep") as api:
        (error,) = api.post("/graphql", json={"query": DEEP}).json()["errors"]
        assert error["extensions"]["code"] == "TOO_DEEP"


def _assert_cors(service: ServiceProcess) -> None:
    for origin, allowed in [(PAGE, PAGE), ("https://elsewhere.example", None)]:
        headers = {"origin": origin, "access-control-request-method": "POST"}
        answer = httpx.request("OPTIONS", f"http://127.0.0.1:{service.port}/v1/orders", headers=headers)
        assert answer.headers.get("access-control-allow-origin") == allowed


@contextmanager
def issuer(port: int) -> Iterator[None]:
    """Publish a key."""

    class Publishing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = jwks(jwk(rsa_key(), "k"))
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Publishing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_without_the_issuers_keys_nobody_is_judged_and_known_keys_outlive_their_issuer(launch: Launch) -> None:
    with ReservedPort() as port:
        settings = {
            "APP_AUTH__MODE": "jwt",
            "APP_AUTH__ISSUER": ISSUER,
            "APP_AUTH__AUDIENCE": AUDIENCE,
            "APP_AUTH__JWKS_URL": f"http://127.0.0.1:{port.number}/jwks",
        }
        service = launch("api", APP_ROLES="api", APP_ENVIRONMENT="prod", **settings)

        def asked(kid: str = "k", path: str = "/v1/stock") -> httpx.Response:
            shown = minted(header={"kid": kid}, scope="stock:read")
            return httpx.get(f"http://127.0.0.1:{service.port}{path}", headers={"authorization": f"Bearer {shown}"})

        wait_until(lambda: bool(service.lines("keys.away")), explain=service.explain)
        assert "token keys" in service.failing()
        problem(asked(), 503, "unavailable")
        assert int(asked().headers["retry-after"]) > 0
        assert asked(path="/openapi.json").status_code == 200
        problem(asked(path="/docs"), 404, "not_found")
        with issuer(port.number):
            service.until_ready()
            assert asked().status_code == 200
        assert asked().status_code == 200
        problem(asked("unknown"), 401, "unauthenticated")
        assert asked().status_code == 200
        assert service.is_ready()


def forged(public: str) -> str:
    """A token that somebody signed with what everybody knows."""
    header = {"alg": "HS256", "typ": "JWT"}
    unsigned = raw(header, claims(roles="stock:read")).rpartition(".")[0]
    signature = hmac.digest(public.encode(), unsigned.encode(), "sha256")
    return f"{unsigned}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_a_public_key_checks_tokens_and_signs_none(launch: Launch) -> None:
    public = pem(rsa_key())
    issued = {"APP_AUTH__ISSUER": ISSUER, "APP_AUTH__AUDIENCE": AUDIENCE, "APP_AUTH__PUBLIC_KEY": public}
    service = launch("api", APP_ROLES="api", APP_AUTH__MODE="jwt", APP_AUTH__SCOPE_CLAIM="roles", **issued)
    service.until_ready()

    def asked(shown: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {shown}"}
        return httpx.get(f"http://127.0.0.1:{service.port}/v1/stock", headers=headers)

    assert asked(minted(roles=["orders:read", "stock:read"])).status_code == 200
    problem(asked(minted(scope="stock:read")), 403, "forbidden")
    problem(asked(forged(public)), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "APP_AUTH__MODE"),
        ({"APP_AUTH__MODE": "none", "APP_ENVIRONMENT": "prod"}, "APP_AUTH__MODE"),
        ({**JWT, "APP_AUTH__SECRET": "shorter than 32 bytes"}, "APP_AUTH__SECRET"),
        ({**JWT, "APP_AUTH__ALGORITHMS": "RS256"}, "APP_AUTH__ALGORITHMS"),
    ],
)
def test_who_may_ask_has_to_be_spelt_out(launch: Launch, given: dict[str, str], named: str) -> None:
    service = launch("api", APP_ROLES="api", **given)
    assert service.wait() == 2
    assert named in service.log()
