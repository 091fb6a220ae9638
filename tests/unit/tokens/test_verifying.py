import json
import time
from typing import Any

import pytest

from python_app_template.adapters.secondary.tokens.key_ring import FixedKeys
from python_app_template.adapters.secondary.tokens.verifying import Expected, JwtTokens, OpenDoor
from python_app_template.cli.issuing import Signer, issue
from python_app_template.core.access.subject import Subject
from tests.fakes.clock import FakeClock
from tests.unit.tokens.minting import (
    AUDIENCE,
    HEADER,
    ISSUER,
    SECRET,
    Ring,
    claims,
    ec_key,
    edwards_key,
    jwk,
    minted,
    rsa_key,
    signed,
    tokens,
    why,
)

# What is taken


def test_a_token_names_its_subject_and_its_scopes() -> None:
    expires = int(time.time()) + 60
    found = tokens().subject(minted(sub="ann", scope="orders:read  stock:read", exp=expires))
    assert found == Subject("ann", frozenset({"orders:read", "stock:read"}), expires + 30.0)


@pytest.mark.parametrize(
    ("scope", "found"),
    [(["a", "b"], {"a", "b"}), ("", set()), (None, set()), ([], set()), (["a b"], {"a b"}), ("a", {"a"})],
)
def test_scopes_are_a_text_or_a_list(scope: object, found: set[str]) -> None:
    assert tokens().subject(minted(scope=scope)).scopes == found


def test_scopes_may_stand_in_another_claim() -> None:
    expected = Expected(ISSUER, AUDIENCE, "https://x.example/permissions")
    here = JwtTokens(FixedKeys(rsa_key().public_key(), {"RS256"}), expected, FakeClock(time.time()))
    assert here.subject(
        signed(HEADER, json.dumps({**claims(scope="a"), expected.scope_claim: ["b"]}).encode())
    ).scopes == {"b"}


@pytest.mark.parametrize("scope", [7, {"a": 1}, [1], ["a", None], True])
def test_scopes_of_another_kind_are_refused(scope: object) -> None:
    assert "scopes" in why(minted(scope=scope))


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["other", AUDIENCE]])
def test_a_token_may_be_for_others_too(audience: object) -> None:
    assert tokens().subject(minted(aud=audience)).id == "ann"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_shared_secret_signs(algorithm: str) -> None:
    here = tokens(FixedKeys(SECRET.encode(), {algorithm}))
    assert here.subject(issue(Signer(SECRET.encode(), algorithm), claims())).id == "ann"


@pytest.mark.parametrize(
    ("key", "algorithm"), [(rsa_key(), "RS512"), (rsa_key(), "PS256"), (ec_key(), "ES256"), (edwards_key(), "EdDSA")]
)
def test_every_kind_of_key_signs(key: Any, algorithm: str) -> None:
    fixed = tokens(FixedKeys(key.public_key(), {algorithm}))
    from_the_issuer = tokens(Ring(jwk(key, "k"), algorithms=(algorithm,)))
    for here in (fixed, from_the_issuer):
        assert here.subject(minted(key, algorithm, {"kid": "k"})).id == "ann"


def test_clocks_may_differ_by_half_a_minute() -> None:
    now = time.time()
    assert tokens().subject(minted(exp=now - 25)).id == "ann"
    assert tokens().subject(minted(nbf=now + 25)).id == "ann"
    assert why(minted(exp=now - 35)) == "the token has expired"
    assert why(minted(nbf=now + 40)) == "the token is not valid yet"
    assert why(minted(iat=now + 40)) == "the token is not valid yet"


def test_where_no_token_is_asked_for_everybody_may_everything() -> None:
    door = OpenDoor(frozenset({"a"}))
    assert door.subject(None) == door.subject("anything") == Subject(None, frozenset({"a"}))


# Keys by name


def test_a_token_is_checked_with_the_key_that_it_names() -> None:
    here = tokens(ring := Ring(jwk(rsa_key(), "a"), jwk(rsa_key(1), "b")))
    assert here.subject(minted(rsa_key(), header={"kid": "a"})).id == "ann"
    assert here.subject(minted(rsa_key(1), header={"kid": "b"})).id == "ann"
    assert why(minted(rsa_key(), header={"kid": "b"}), here) == "the token's signature is wrong"
    assert ring.asked == 0


def test_who_names_an_unknown_key_is_refused_and_the_keys_are_asked_for() -> None:
    here = tokens(ring := Ring(jwk(rsa_key(), "a")))
    for number, kid in enumerate(["b", "A", "../a", "", "a\0", "a" * 3000]):
        assert "key that is not known" in why(minted(header={"kid": kid}), here)
        assert ring.asked == number + 1


@pytest.mark.parametrize("kid", [7, ["a"], {"a": 1}, True, 1.5])
def test_a_name_that_is_no_text_is_refused(kid: object) -> None:
    here = tokens(ring := Ring(jwk(rsa_key(), "a")))
    assert why(signed({**HEADER, "kid": kid}, json.dumps(claims()).encode()), here)
    assert ring.asked == 0


def test_who_names_no_key_means_the_only_one() -> None:
    assert tokens(Ring(jwk(rsa_key(), "a"))).subject(minted()).id == "ann"
    assert tokens(Ring(jwk(rsa_key(), "a"), jwk(ec_key(), "b"))).subject(minted()).id == "ann"
    several = Ring(jwk(rsa_key(), "a"), jwk(rsa_key(1), "b"))
    assert "key that is not known" in why(minted(), tokens(several))
    assert several.asked == 0


# What is remembered


class Counting(FixedKeys):
    """Lets the keys be taken away."""

    def __init__(self) -> None:
        super().__init__(rsa_key().public_key(), {"RS256"})

    def change(self) -> None:
        super().__init__(rsa_key(1).public_key(), {"RS256"})


def test_a_token_that_was_taken_is_refused_once_it_expires() -> None:
    clock = FakeClock(time.time())
    here = JwtTokens(Counting(), Expected(ISSUER, AUDIENCE), clock)
    token = minted(exp=int(clock.time) + 60)
    assert here.subject(token) is here.subject(token)
    clock.time = int(clock.time) + 89.9
    assert here.subject(token).id == "ann"
    clock.time += 0.2
    assert why(token, here) == "the token has expired"


def test_a_token_that_was_taken_is_refused_once_its_key_is_gone() -> None:
    keys = Counting()
    here = JwtTokens(keys, Expected(ISSUER, AUDIENCE), FakeClock(time.time()))
    token = minted()
    here.subject(token)
    keys.change()
    assert why(token, here) == "the token's signature is wrong"


def test_what_is_remembered_is_bounded() -> None:
    expected = Expected(ISSUER, AUDIENCE)
    here = JwtTokens(FixedKeys(SECRET.encode(), {"HS256"}), expected, FakeClock(time.time()), remembered=3)
    shown = [minted(SECRET, "HS256", sub=str(number)) for number in range(10)]
    assert [here.subject(token).id for token in shown * 2] == [str(number) for number in range(10)] * 2
    assert here.remembered == 3
