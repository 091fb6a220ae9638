import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_app_template.adapters.secondary.tokens.key_ring import FixedKeys, KeyRing, published
from python_app_template.adapters.secondary.tokens.verifying import LONGEST, Expected, JwtTokens, OpenDoor
from python_app_template.cli.issuing import Signer, issue
from python_app_template.core.access.refusals import Unauthenticated
from python_app_template.core.access.subject import Subject
from tests.fakes.clock import FakeClock
from tests.unit.tokens.minting import (
    AUDIENCE,
    ISSUER,
    SECRET,
    claims,
    ec_key,
    edwards_key,
    jwk,
    jwks,
    minted,
    pem,
    raw,
    rsa_key,
    signed,
    tokens,
)

HEADER = {"alg": "RS256", "typ": "JWT"}


def why(token: str | None, checked_by: JwtTokens | None = None) -> str:
    with pytest.raises(Unauthenticated) as caught:
        (checked_by or tokens()).subject(token)
    return caught.value.why


class Ring(FixedKeys):
    """Published keys that are there already; counts who asked for others."""

    def __init__(self, *entries: object, algorithms: tuple[str, ...] = ("RS256",)) -> None:
        self.kept = published(jwks(*entries), algorithms)
        self.asked = 0

    def ring(self) -> KeyRing:
        return self.kept

    def missed(self) -> None:
        self.asked += 1


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


# What is refused


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
