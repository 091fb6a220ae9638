"""Keys made on the spot, and tokens signed with them, good and bad."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.adapters.secondary.tokens.key_ring import FixedKeys, KeyRing, Keys, published
from python_app_template.adapters.secondary.tokens.verifying import Expected, JwtTokens
from python_app_template.core.access.refusals import Unauthenticated

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ISSUER, AUDIENCE = "https://login.example", "orders"
HEADER = {"alg": "RS256", "typ": "JWT"}
SECRET = "a secret of thirty-two bytes or more"  # noqa: S105 - an example


def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One for each number."""
    return _made(number, bits)


@cache
def _made(_number: int, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@cache
def edwards_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: PrivateKey) -> str:
    """Its public half."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def claims(**changed: Any) -> dict[str, Any]:
    """Good ones, but for what is changed; None takes a claim out."""
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": time.time() + 60, "scope": "orders:read"}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def minted(
    key: PrivateKey | str | None = None, algorithm: str = "RS256", header: dict[str, Any] | None = None, **changed: Any
) -> str:
    """Sign claims."""
    return jwt.encode(claims(**changed), key or rsa_key(), algorithm, header)


def raw(header: dict[str, Any], body: bytes | dict[str, Any], signature: bytes = b"") -> str:
    """Put a token together by hand."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    parts = (json.dumps(header).encode(), content, signature)
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def signed(header: dict[str, Any], body: bytes) -> str:
    """A token whose signature is right, whatever it says."""
    token = raw(header, body).rpartition(".")[0]
    signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(token.encode(), rsa_key())
    return f"{token}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def jwk(key: PrivateKey, kid: str | None = None, **more: Any) -> dict[str, Any]:
    """The public half as an issuer publishes it."""
    public = key.public_key()
    match public:
        case rsa.RSAPublicKey():
            entry = RSAAlgorithm.to_jwk(public, as_dict=True)
        case ec.EllipticCurvePublicKey():
            entry = ECAlgorithm.to_jwk(public, as_dict=True)
        case _:
            entry = OKPAlgorithm.to_jwk(public, as_dict=True)
    return {**entry, "key_ops": ["verify"], **({"kid": kid} if kid else {}), **more}


def jwks(*entries: object) -> bytes:
    return json.dumps({"keys": entries}).encode()


def tokens(keys: Keys | None = None, algorithms: Iterable[str] = ("RS256",)) -> JwtTokens:
    """Checks tokens of ISSUER for AUDIENCE, by default with the one RSA key."""
    found = keys or FixedKeys(rsa_key().public_key(), frozenset(algorithms))
    return JwtTokens(found, Expected(ISSUER, AUDIENCE), SystemClock())


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
