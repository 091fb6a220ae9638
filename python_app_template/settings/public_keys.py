"""Public keys that tokens are checked with: PEM text or files, and which algorithms go with which key."""

from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
CURVES = {"secp256r1": frozenset({"ES256"}), "secp384r1": frozenset({"ES384"})}
EDWARDS = frozenset({"EdDSA"})
LEAST_RSA, LARGEST_RSA = 2048, 8192
"""Bits: as RFC 7518, section 3.3 wants it; and what can still be checked in no time."""


def algorithms_of(key: object) -> frozenset[str]:
    """Return what may be signed with its private part; nothing for a key that is too weak or of no use here."""
    match key:
        case RSAPublicKey(key_size=bits) if LEAST_RSA <= bits <= LARGEST_RSA:
            return RSA
        case EllipticCurvePublicKey():
            return CURVES.get(key.curve.name, frozenset())
        case Ed25519PublicKey() | Ed448PublicKey():
            return EDWARDS
        case _:
            return frozenset()


def public_key(text: str) -> PublicKey:
    """Load it from PEM, or from the file of that name. Raises ValueError; its text holds nothing of what was given."""
    pem = text if _is_pem(text) else _content(text)
    if "PRIVATE KEY-----" in pem:
        raise ValueError("holds a private key; it takes the public one")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("holds no public key in PEM (-----BEGIN PUBLIC KEY-----)") from None
    if isinstance(key, PublicKey) and algorithms_of(key):
        return key
    raise ValueError(f"holds a key of no use; allowed: RSA of {LEAST_RSA} to {LARGEST_RSA} bits, P-256, P-384, Ed25519")


def _is_pem(text: str) -> bool:
    return "-----BEGIN" in text


def _content(name: str) -> str:
    try:
        return Path(name).read_text("utf-8")
    except OSError as fault:
        raise ValueError(f"names a file that can not be read: {fault.strerror}") from None
    except ValueError:  # no UTF-8, or a name that can not be one
        raise ValueError("is neither PEM nor the name of a file with it") from None
