"""What role `api` needs where nobody issues tokens: an issuer in name, and a secret of its own."""

import secrets
from collections.abc import Mapping

ISSUER = "development"
"""Who issues a token that nobody issued."""
AUDIENCE = "python-app-template"
SECRET_BYTES = 32


def access() -> Mapping[str, str]:
    """Return settings, by section and name, of an API that takes tokens signed with a new secret."""
    return {
        "auth.mode": "jwt",
        "auth.issuer": ISSUER,
        "auth.audience": AUDIENCE,
        "auth.secret": secrets.token_urlsafe(SECRET_BYTES),
        "auth.algorithms": "HS256",
    }


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Return them as a process' environment has them."""
    return {f"APP_{name.upper().replace('.', '__')}": value for name, value in settings.items()}
