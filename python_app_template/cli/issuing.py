"""Tokens for development, and keys to sign them with: what an issuer would do."""

import os
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.warnings import InsecureKeyLengthWarning

from python_app_template.cli.faults import CommandFailed
from python_app_template.exit_codes import ExitCode
from python_app_template.settings.public_keys import LEAST_RSA, algorithms_of, public_key
from python_app_template.settings.sections.auth import Auth

PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)
PUBLIC = ".pub"
"""What a public key's file is called, behind the name of the private one's."""
KEY = "python-app-template token key FILE"
"""The command that makes a pair."""


class Signer(NamedTuple):
    """What signs."""

    key: PrivateKey | bytes
    algorithm: str


def signer(auth: Auth, private: Path | None) -> Signer:
    """Return what signs tokens that these settings take; `private` is the key's file, if it was named.

    Raises CommandFailed.
    """
    if auth.secret is not None:
        return Signer(auth.secret.get_secret_value().encode(), min(auth.algorithms))
    if auth.public_key is None:
        raise _failed(
            f"tokens come from whom APP_AUTH__JWKS_URL names; {KEY} makes a key to do without for development"
        )
    path = private or _beside(auth.public_key)
    key, expected = _private_key(path), public_key(auth.public_key)
    if _der(key.public_key()) != _der(expected):
        raise _failed(f"{path} is not the private half of APP_AUTH__PUBLIC_KEY; name another: --key FILE")
    return Signer(key, min(auth.algorithms & algorithms_of(expected)))


def claims_for(auth: Auth, sub: str, scopes: Iterable[str], seconds: int) -> dict[str, object]:
    """Return what a token has to say, so that it is taken for so long."""
    return {
        "iss": auth.issuer,
        "aud": auth.audience,
        "sub": sub,
        "exp": int(time.time()) + seconds,
        auth.scope_claim: " ".join(scopes),
    }


def issue(signer: Signer, claims: Mapping[str, object]) -> str:
    """Sign them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # the settings have judged it
        return jwt.encode(dict(claims), signer.key, signer.algorithm)


def make_pair(path: Path) -> Path:
    """Write a private key that its owner alone can read, and the public one beside it; return the latter's path.

    Raises CommandFailed: one of them is there already, or can not be written.
    """
    key, public = rsa.generate_private_key(65537, LEAST_RSA), path.with_name(path.name + PUBLIC)
    try:
        _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        _write(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    except FileExistsError as fault:
        raise _failed(f"{fault.filename} is there already; name another file") from fault
    except OSError as fault:
        raise _failed(f"{fault.filename} can not be written: {fault.strerror}") from fault
    return public


def granted(asked: Iterable[str], known: frozenset[str]) -> list[str]:
    """Return the scopes that were asked for, each of them once, in their order. Raises CommandFailed."""
    scopes = list(dict.fromkeys(scope for text in asked for scope in text.split()))
    if strange := [scope for scope in scopes if scope not in known]:
        raise _failed(f"{strange[0]!r} is no scope; allowed: {', '.join(sorted(known))}")
    return scopes


def _write(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def _beside(public: str) -> Path:
    if public.endswith(PUBLIC) and (path := Path(public.removesuffix(PUBLIC))).exists():
        return path
    raise _failed(f"the private half of APP_AUTH__PUBLIC_KEY is needed: --key FILE; {KEY} makes a pair for development")


def _private_key(path: Path) -> PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as fault:
        raise _failed(f"{path} can not be read: {fault.strerror}") from fault
    except TypeError as fault:
        raise _failed(f"{path} is encrypted; tokens for development need a key that is not") from fault
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise _failed(f"{path} holds no private key in PEM; {KEY} makes one") from fault
    if not isinstance(key, PrivateKey):
        raise _failed(f"{path} holds a key of no use for tokens; {KEY} makes one")
    return key


def _der(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return] # any public key has it


def _failed(line: str) -> CommandFailed:
    return CommandFailed(line, ExitCode.SETTINGS)
