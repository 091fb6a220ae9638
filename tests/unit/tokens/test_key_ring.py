import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from python_app_template.adapters.secondary.tokens.key_ring import published
from tests.unit.tokens.minting import ec_key, edwards_key, jwk, jwks, rsa_key

EVERY = frozenset({"RS256", "PS256", "ES256", "ES384", "EdDSA"})


def kids(*entries: object, algorithms: frozenset[str] = EVERY) -> list[str | None]:
    return [key.kid for key in published(jwks(*entries), algorithms).keys]


def private(kid: str) -> dict[str, Any]:
    return {**jwk(rsa_key(), kid), "d": "AQAB"}


def test_keys_of_every_kind_are_read() -> None:
    entries = [jwk(rsa_key(), "r"), jwk(ec_key(), "e"), jwk(ec_key(ec.SECP384R1), "f"), jwk(edwards_key(), "o")]
    ring = published(jwks(*entries), EVERY)
    assert {key.kid: set(key.algorithms) for key in ring.keys} == {
        "r": {"RS256", "PS256"},
        "e": {"ES256"},
        "f": {"ES384"},
        "o": {"EdDSA"},
    }


def test_a_key_serves_no_more_than_it_says_and_than_is_set() -> None:
    assert published(jwks(jwk(rsa_key(), "r", alg="PS256")), EVERY).keys[0].algorithms == {"PS256"}
    assert published(jwks(jwk(rsa_key(), "r")), frozenset({"RS256", "ES256"})).keys[0].algorithms == {"RS256"}


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "s", "alg": "HS256"},
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "s", "alg": "RS256"},
        jwk(rsa_key(), "s", use="enc"),
        jwk(rsa_key(), "s", key_ops=["sign"]),
        jwk(rsa_key(), "s", alg="RSA-OAEP"),
        jwk(rsa_key(), "s", alg="HS256"),
        jwk(rsa_key(), "s", alg=["RS256"]),
        jwk(rsa_key(0, 1024), "s"),
        jwk(ec_key(ec.SECP521R1), "s"),
        jwk(ec_key(ec.SECP256K1), "s"),
        private("s"),
        {**jwk(rsa_key()), "kid": 7},
        {**jwk(rsa_key(), "s"), "n": "A" * 200_000},
        {**jwk(rsa_key(), "s"), "n": 5},
        {**jwk(rsa_key(), "s"), "n": "€"},
        {**jwk(ec_key(), "s"), "x": "AAAA"},
        {"kty": "RSA", "kid": "s"},
        {"kty": ["RSA"]},
        {},
        "RSA",
        None,
    ],
)
def test_what_can_not_be_used_is_passed_over(entry: object) -> None:
    started = time.process_time()
    assert kids(entry, jwk(rsa_key(1), "good")) == ["good"]
    with pytest.raises(ValueError, match=r"^none of its 1 keys can be used for ES256, ES384, EdDSA, PS256, RS256$"):
        published(jwks(entry), EVERY)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "document",
    [b"", b"<html>", b"[]", b"7", b'{"keys": {}}', b'{"keys": null}', b"{}", b'{"keys": []}', b"[" * 100_000, b"\xff"],
)
def test_what_is_no_set_of_keys_is_said_to_be_none(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"^no JSON$|^no set of keys|^none of its 0 keys"):
        published(document, EVERY)


def test_two_keys_of_one_name_are_told_apart_by_what_they_sign_or_not_at_all() -> None:
    ring = published(jwks(jwk(rsa_key(), "k"), jwk(ec_key(), "k")), EVERY)
    assert ring.find("k", "ES256") is ring.keys[1]
    assert published(jwks(jwk(rsa_key(), "k"), jwk(rsa_key(1), "k")), EVERY).find("k", "RS256") is None


def test_a_key_without_a_name_is_meant_by_who_names_none() -> None:
    ring = published(json.dumps({"keys": [jwk(rsa_key())]}).encode(), EVERY)
    assert ring.find(None, "RS256") is ring.keys[0]
    assert ring.find("k", "RS256") is None
    assert not ring.knows("k")
