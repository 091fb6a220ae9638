"""Who may ask: tokens and the keys that they are checked with."""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from python_app_template.settings.kinds import Allowed, Text, separated
from python_app_template.settings.sections.section import Section

Algorithm = Literal[
    "RS256", "RS384", "RS512", "ES256", "ES384", "PS256", "PS384", "PS512", "EdDSA", "HS256", "HS384", "HS512"
]
LEAST_SECRET = 32
"""Bytes of a secret: as many as SHA-256 has (RFC 7518, section 3.2)."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Auth(Section):
    """Who may ask the API, and how that is known."""

    mode: Annotated[Literal["jwt", "none"] | None, Allowed("jwt, none")] = None
    """`jwt`, or `none`: everybody may do everything (not in `prod`). Role `api` does not start without one of both."""
    issuer: Annotated[Text | None, Allowed("text, 1 to 249 characters")] = None
    """Who issues the tokens: their `iss`."""
    audience: Annotated[Text | None, Allowed("text, 1 to 249 characters")] = None
    """Whom the tokens are for: their `aud`."""
    secret: SecretStr | None = None
    """What HS* tokens are signed with: 32 bytes at least."""
    public_key: str | None = None
    """Public key (PEM) that tokens are checked with, or the name of a file that holds it."""
    jwks_url: str | None = None
    """Where the issuer publishes its keys; https, or this machine."""
    algorithms: Annotated[
        frozenset[Algorithm],
        NoDecode,
        BeforeValidator(separated),
        Field(min_length=1),
        Allowed("one or more of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384, HS512"),
    ] = frozenset({"RS256"})
    """What tokens may be signed with; HS* with `APP_AUTH__SECRET` alone."""
    scope_claim: Text = "scope"
    """The claim that holds the scopes."""
    command_secret: SecretStr | None = None
    """What the ids of commands are signed with, 32 bytes at least; by default the database keeps one."""

    def contradictions(self) -> Iterator[str]:
        """Modes without what they need; keys that do not go with their algorithms."""
        keys = {"SECRET": self.secret, "PUBLIC_KEY": self.public_key, "JWKS_URL": self.jwks_url}
        given = [f"APP_AUTH__{name}" for name, value in keys.items() if value is not None]
        if self.mode == "jwt":
            for name, value in {"ISSUER": self.issuer, "AUDIENCE": self.audience}.items():
                if value is None:
                    yield f"APP_AUTH__{name}: missing; APP_AUTH__MODE=jwt needs it"
            if len(given) != 1:
                keys_needed = ", ".join(f"APP_AUTH__{name}" for name in keys)
                yield f"{keys_needed}: exactly one is needed; found {' and '.join(given) or 'none'}"
            yield from self._algorithms()
        yield from self._secrets()
        if self.public_key is not None:
            yield from _unfit(self.public_key, self.algorithms)
        if self.jwks_url is not None:
            yield from _unsafe(self.jwks_url)

    def _algorithms(self) -> Iterator[str]:
        symmetric = {name for name in self.algorithms if name.startswith("HS")}
        if self.secret is not None and symmetric != self.algorithms:
            yield "APP_AUTH__ALGORITHMS: with APP_AUTH__SECRET allowed: HS256, HS384, HS512"
        elif self.secret is None and symmetric:
            yield f"APP_AUTH__ALGORITHMS: {', '.join(sorted(symmetric))} only with APP_AUTH__SECRET"

    def _secrets(self) -> Iterator[str]:
        for name, secret in {"SECRET": self.secret, "COMMAND_SECRET": self.command_secret}.items():
            if secret is None:
                continue
            if "-----BEGIN" in secret.get_secret_value():
                # Who knows the public half could sign with it.
                yield f"APP_AUTH__{name}: holds a key in PEM, which is no secret; see APP_AUTH__PUBLIC_KEY"
            elif len(secret.get_secret_value().encode()) < LEAST_SECRET:
                yield f"APP_AUTH__{name}: shorter than {LEAST_SECRET} bytes"


def _unfit(given: str, algorithms: frozenset[str]) -> Iterator[str]:
    from python_app_template.settings.public_keys import algorithms_of, public_key  # noqa: PLC0415 slow to import

    try:
        fitting = algorithms_of(public_key(given))
    except ValueError as fault:
        yield f"APP_AUTH__PUBLIC_KEY: {fault}"
        return
    if wrong := sorted(algorithms - fitting):
        yield f"APP_AUTH__ALGORITHMS: {', '.join(wrong)} not with this key; allowed: {', '.join(sorted(fitting))}"


def _unsafe(address: str) -> Iterator[str]:
    try:
        url = urlsplit(address)
        host, _ = url.hostname, url.port
    except ValueError:
        yield "APP_AUTH__JWKS_URL: no URL; for instance https://login.example/.well-known/jwks.json"
        return
    if not host or (url.scheme != "https" and not (url.scheme == "http" and host in LOOPBACK)):
        yield "APP_AUTH__JWKS_URL: neither https nor on this machine"
    if url.username is not None:
        yield "APP_AUTH__JWKS_URL: holds a user name; what it leads to is public"
