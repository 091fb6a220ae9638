"""The keys that tokens are checked with, and which of them a token may name."""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import msgspec
from jwt import PyJWTError
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from python_app_template.settings.public_keys import PublicKey, algorithms_of

LONGEST_NUMBER = 1400
"""Characters of a key's largest number: 8,192 bits in base64."""

READ = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk}
"""By `kty`. An `oct` key, which would be a published secret, is none of them."""

Material: TypeAlias = PublicKey | bytes
"""A secret is bytes."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, and what may be signed with it: never more than the settings say, and never by the token's word."""

    material: Material
    algorithms: frozenset[str]
    kid: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class KeyRing:
    """Keys that belong together. When they change, there is another ring."""

    keys: Sequence[Key]
    named: bool = False
    """Whether a token's `kid` means anything."""

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the key that a token may have been signed with; None: there is none, or more than one."""
        fitting = [key for key in self.keys if algorithm in key.algorithms]
        if self.named and kid is not None:
            fitting = [key for key in fitting if key.kid == kid]
        return fitting[0] if len(fitting) == 1 else None

    def takes(self, algorithm: str) -> bool:
        """Tell whether any key does."""
        return any(algorithm in key.algorithms for key in self.keys)

    def knows(self, kid: str | None) -> bool:
        """Tell whether looking again at what the issuer publishes would be of no use."""
        return not self.named or kid is None or any(key.kid == kid for key in self.keys)


class Keys(Protocol):
    """Where keys come from."""

    @abstractmethod
    def ring(self) -> KeyRing:
        """Return those that are known now, at once. Raises KeysAway."""
        ...

    @abstractmethod
    def missed(self) -> None:
        """Somebody named a key that is not there."""
        ...


class FixedKeys(Keys):
    """Those of the settings."""

    def __init__(self, material: Material, algorithms: Collection[str]) -> None:
        fitting = None if isinstance(material, bytes) else algorithms_of(material)
        self._ring = KeyRing([Key(material, frozenset(algorithms if fitting is None else fitting & set(algorithms)))])

    def ring(self) -> KeyRing:  # noqa: D102 - see the protocol
        return self._ring

    def missed(self) -> None:  # noqa: D102 - likewise
        return


def published(document: bytes, algorithms: Collection[str]) -> KeyRing:
    """Read what an issuer publishes (RFC 7517, section 5); what can not be used is passed over.

    Raises ValueError: that is no set of keys, or none of them can be used.
    """
    try:
        content = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("no JSON") from None
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no set of keys (RFC 7517)")  # noqa: TRY004 - the outside's fault, not the caller's
    keys = [key for entry in entries if isinstance(entry, dict) for key in _usable(entry, frozenset(algorithms))]
    if not keys:
        raise ValueError(f"none of its {len(entries)} keys can be used for {', '.join(sorted(algorithms))}")
    return KeyRing(keys, named=True)


def _usable(entry: Mapping[str, Any], algorithms: frozenset[str]) -> Iterator[Key]:
    kid, read = entry.get("kid"), READ.get(str(entry.get("kty")))
    if read is None or not _is_for_signatures(entry) or "d" in entry or not isinstance(kid, str | None):
        return
    if any(len(value) > LONGEST_NUMBER for name in ("n", "e", "x", "y") if isinstance(value := entry.get(name), str)):
        return
    try:
        material = read(dict(entry))
    except (PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return
    said = {name for name in algorithms if entry.get("alg") in (None, name)}
    fitting = algorithms_of(material) & said
    if fitting:
        yield Key(material, fitting, kid)  # type: ignore[arg-type]  # what algorithms_of knows is a PublicKey


def _is_for_signatures(entry: Mapping[str, Any]) -> bool:
    operations = entry.get("key_ops")
    return entry.get("use", "sig") == "sig" and (not isinstance(operations, list) or "verify" in operations)
