"""Tokens that somebody made up: what others fell for is refused here."""

import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_app_template.adapters.secondary.tokens.verifying import LONGEST
from python_app_template.core.access.refusals import Unauthenticated
from tests.unit.tokens.minting import (
    HEADER,
    ISSUER,
    Ring,
    claims,
    jwk,
    minted,
    pem,
    raw,
    rsa_key,
    signed,
    tokens,
    why,
)


def test_without_a_token_nobody_is_known() -> None:
    with pytest.raises(Unauthenticated) as caught:
        tokens().subject(None)
    assert caught.value.challenge == "Bearer"


@pytest.mark.parametrize("claim", ["exp", "iss", "aud", "sub"])
def test_a_claim_that_is_needed_is_named(claim: str) -> None:
    assert (
        why(signed(HEADER, json.dumps({name: value for name, value in claims().items() if name != claim}).encode()))
        == f"the token has no {claim}"
    )


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": f"{ISSUER}/"}, "another issuer"),
        ({"aud": "stock"}, "somebody else"),
        ({"aud": ["stock"]}, "somebody else"),
        ({"aud": {"orders": 1}}, "somebody else"),
        ({"aud": []}, "no aud"),
        ({"sub": 7}, "sub"),
        ({"exp": "9999999999"}, "no token"),
        ({"exp": True}, "expired"),
    ],
)
def test_a_claim_that_is_wrong_is_named(changed: dict[str, Any], says: str) -> None:
    assert says in why(minted(**changed))


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"\xff",
        b"{",
        b"[" * 3000,
        json.dumps(claims(exp=float("inf"))).encode(),
        json.dumps(claims(exp=float("nan"))).encode(),
        json.dumps(claims(sub="\ud800")).encode(),
        json.dumps(claims(exp=10**400)).encode(),
        json.dumps(claims(iss=["https://login.example"])).encode(),
    ],
)
def test_what_is_signed_and_no_sense_is_refused(body: bytes) -> None:
    assert why(signed(HEADER, body))


def test_none_is_no_algorithm() -> None:
    for name in ("none", "None", "NONE", ""):
        for signature in (b"", b"x"):
            assert "algorithm" in why(raw({"alg": name}, claims(), signature))
    everything = tokens(algorithms=("none", "RS256"))
    assert why(raw({"alg": "none"}, claims()), everything)


def test_the_public_key_is_no_secret() -> None:
    """A token signed with HS256 and the public key's text: whoever lets the token choose the algorithm takes it."""
    for secret in (pem(rsa_key()), pem(rsa_key()).strip(), "x" * 32):
        token = raw({"alg": "HS256"}, claims()).rpartition(".")[0]
        algorithm = jwt.get_algorithm_by_name("HS256")
        forged = f"{token}.{jwt.utils.base64url_encode(algorithm.sign(token.encode(), secret.encode())).decode()}"
        assert "algorithm" in why(forged)
        both = tokens(algorithms=("RS256", "HS256"))
        assert "algorithm" in why(forged, both)


def test_an_algorithm_that_is_not_set_is_refused_though_the_key_could() -> None:
    assert "algorithm" in why(minted(algorithm="RS512"))
    assert "algorithm" in why(minted(algorithm="PS256"))
    assert tokens(algorithms=("RS256", "PS256")).subject(minted(algorithm="PS256")).id == "ann"


def test_a_strangers_signature_is_wrong() -> None:
    assert why(minted(rsa_key(1))) == "the token's signature is wrong"
    header, _, signature = minted().split(".")
    other = minted(sub="bob").split(".")[1]
    assert why(f"{header}.{other}.{signature}") == "the token's signature is wrong"


def test_a_key_that_comes_with_the_token_is_not_looked_at() -> None:
    stranger = rsa_key(1)
    for header in (
        {"jwk": jwk(stranger, "k")},
        {"jwk": jwk(stranger, "k"), "kid": "k"},
        {"jku": "http://127.0.0.1:1/jwks.json", "kid": "k"},
        {"x5u": "http://127.0.0.1:1/x", "x5c": ["MIIB"]},
    ):
        assert why(minted(stranger, header=header)) == "the token's signature is wrong"
        assert why(minted(stranger, header=header), tokens(Ring(jwk(rsa_key(), "k"))))


def test_an_extension_that_is_critical_is_refused() -> None:
    header, body = {**HEADER, "crit": ["b64"], "b64": True}, json.dumps(claims()).encode()
    assert "crit" in why(signed(header, body))
    for crit in (["exp"], [], "exp", None, [7]):
        assert why(signed({**HEADER, "crit": crit, "exp": 1}, body))
    assert why(signed({**HEADER, "b64": False}, body))


def test_a_huge_token_is_not_looked_at() -> None:
    assert f"longer than {LONGEST}" in why(minted(padding="x" * LONGEST))
    assert f"longer than {LONGEST}" in why("x" * 10_000_000)
    assert why("." * LONGEST) == "this is no token that can be read"


@pytest.mark.parametrize(
    "token", ["", " ", "a", "a.b", "a.b.c", "a.b.c.d", "..", "é.é.é", "\ud800", "e30.e30.e30", "\0"]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    assert why(token)


@given(st.text(max_size=60), st.binary(max_size=60), st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_whatever_is_shown_is_refused_and_breaks_nothing(text: str, body: bytes, header: dict[str, str]) -> None:
    here = tokens()
    for token in (text, raw({**HEADER, **header}, body, b"x"), signed({**header, **HEADER}, body)):
        why(token, here)


def test_no_answer_holds_a_piece_of_the_token() -> None:
    secret = "sh0uld-n0t-be-t0ld"  # noqa: S105 - an example
    for token in (
        minted(iss=secret),
        minted(aud=secret),
        minted(header={"kid": secret}),
        raw({"alg": secret}, {}),
        secret,
        minted(scope={"a": secret}),
        minted(header={"crit": [secret]}),
        minted(rsa_key(1), sub=secret),
    ):
        for here in (tokens(), tokens(Ring(jwk(rsa_key(1), "k")))):
            try:
                here.subject(token)
            except Unauthenticated as refused:
                assert secret not in refused.challenge + repr(refused)  # noqa: PT017 - one of the two keys fits
