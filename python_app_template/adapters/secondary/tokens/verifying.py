"""Tokens to subjects: signature, issuer, audience, times, scopes. By RFC 7519 and RFC 8725."""

import warnings
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

import jwt
from jwt.exceptions import InvalidSubjectError
from jwt.warnings import InsecureKeyLengthWarning

from python_app_template.adapters.secondary.tokens.key_ring import Key, KeyRing, Keys
from python_app_template.core.access.refusals import Unauthenticated
from python_app_template.core.access.subject import Subject
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.tokens import Tokens

LEEWAY: Final = 30.0
"""Seconds by which clocks may differ."""
LONGEST: Final = 8192
"""Characters of a token."""
REMEMBERED: Final = 10_000
"""Tokens that need not be checked again until they expire."""
REQUIRED: Final = ("exp", "iss", "aud", "sub")

WORDS: Final[dict[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "the token has expired",
    jwt.ImmatureSignatureError: "the token is not valid yet",
    jwt.InvalidAudienceError: "the token is for somebody else (aud)",
    jwt.InvalidIssuerError: "the token is of another issuer (iss)",
    InvalidSubjectError: "the token's sub is no text",
    jwt.InvalidSignatureError: "the token's signature is wrong",
}
NO_TOKEN: Final = "this is no token that can be read"  # noqa: S105 - words, not a secret


class Expected(NamedTuple):
    """What a token has to say."""

    issuer: str
    audience: str
    scope_claim: str = "scope"


class JwtTokens(Tokens):
    """JSON Web Tokens. A token that was taken is remembered until it expires, or until the keys change."""

    def __init__(self, keys: Keys, expected: Expected, clock: Clock, remembered: int = REMEMBERED) -> None:
        self._keys, self._expected, self._clock, self._most = keys, expected, clock, remembered
        self._jwt = jwt.PyJWT({"require": list(REQUIRED)})
        self._ring: KeyRing | None = None
        self._taken: dict[bytes, Subject] = {}

    @property
    def remembered(self) -> int:
        """How many tokens are."""
        return len(self._taken)

    def subject(self, token: str | None) -> Subject:  # noqa: D102 - see the port
        if token is None:
            raise Unauthenticated("a token is needed", shown=False)
        if len(token) > LONGEST:
            raise Unauthenticated(f"the token is longer than {LONGEST} characters")
        if not token.isascii():
            raise Unauthenticated(NO_TOKEN)
        ring = self._keys.ring()
        if ring is not self._ring:
            self._ring, self._taken = ring, {}
        name = sha256(token.encode()).digest()
        subject = self._taken.get(name)
        if subject is None:
            subject = self._checked(token, ring)
            self._remember(name, subject)
        elif subject.until is None or subject.until <= self._clock.now().timestamp():
            del self._taken[name]
            raise Unauthenticated(WORDS[jwt.ExpiredSignatureError])
        return subject

    def _checked(self, token: str, ring: KeyRing) -> Subject:
        try:
            key, algorithm = self._key(jwt.get_unverified_header(token), ring)
            with warnings.catch_warnings():
                # How long a key has to be is judged where it comes from: settings, or key_ring.
                warnings.simplefilter("ignore", InsecureKeyLengthWarning)
                claims = self._jwt.decode(
                    token,
                    key.material,
                    algorithms=[algorithm],
                    audience=self._expected.audience,
                    issuer=self._expected.issuer,
                    leeway=LEEWAY,
                )
            return _subject(claims, self._expected.scope_claim)
        except jwt.MissingRequiredClaimError as fault:
            raise Unauthenticated(f"the token has no {fault.claim}") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as fault:
            raise Unauthenticated(WORDS.get(type(fault), NO_TOKEN)) from None

    def _key(self, header: Mapping[str, Any], ring: KeyRing) -> tuple[Key, str]:
        # What else a header holds (jku, jwk, x5u, x5c) is a stranger's word: nothing of it is looked at.
        algorithm, kid = header.get("alg"), header.get("kid")
        if "crit" in header:
            raise Unauthenticated("the token asks for an extension (crit) that is not known here")
        if not isinstance(algorithm, str) or not ring.takes(algorithm):
            raise Unauthenticated("the token is signed with an algorithm that is not taken here")
        if key := ring.find(kid, algorithm):
            return key, algorithm
        if not ring.knows(kid):
            self._keys.missed()
        raise Unauthenticated("the token is signed with a key that is not known here")

    def _remember(self, name: bytes, subject: Subject) -> None:
        if len(self._taken) >= self._most:
            del self._taken[next(iter(self._taken))]
        self._taken[name] = subject


def _subject(claims: Mapping[str, Any], scope_claim: str) -> Subject:
    """Raise ValueError: a claim is not of its kind, or no text that could be written down (a lone surrogate)."""
    expires, name = claims["exp"], claims["sub"]
    if not isinstance(expires, int | float):
        raise ValueError("exp is no number")  # noqa: TRY004 - the token's fault, as all others
    name.encode()
    return Subject(name, _scopes(claims.get(scope_claim, "")), int(expires) + LEEWAY)


def _scopes(claim: object) -> frozenset[str]:
    """Read a text with spaces (RFC 8693, section 4.2), or a list. Raises Unauthenticated."""
    scopes = claim.split(" ") if isinstance(claim, str) else claim
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise Unauthenticated("the token's scopes are neither a text nor a list of texts")
    return frozenset(scopes) - {""}


class OpenDoor(Tokens):
    """No authentication: whoever asks, and whatever they show, may do everything."""

    def __init__(self, scopes: frozenset[str]) -> None:
        self._everybody = Subject(None, scopes)

    def subject(self, token: str | None) -> Subject:  # noqa: D102 - see the port
        del token
        return self._everybody
