"""Why somebody is not let in; each is a line that may be told to whoever asked, and holds no piece of a token."""

from python_app_template.core.access.policy import Denied


class Unauthenticated(Exception):
    """No token, or one that is not taken (401). `challenge` is for the header `WWW-Authenticate` (RFC 6750)."""

    def __init__(self, why: str, *, shown: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.challenge = f'Bearer error="invalid_token", error_description="{why}"' if shown else "Bearer"


class Forbidden(Exception):
    """It is known who asks, and they may not (403)."""

    def __init__(self, why: str, scopes: frozenset[str] = frozenset()) -> None:
        super().__init__(why)
        self.why, self.scopes = why, scopes
        needed = f', scope="{" ".join(sorted(scopes))}"' if scopes else ""
        self.challenge = f'Bearer error="insufficient_scope"{needed}'


class TooMany(Exception):
    """More requests than are taken in a while (429)."""

    def __init__(self, why: str, retry_after: int) -> None:
        """`retry_after`: whole seconds, 1 at least."""
        super().__init__(why)
        self.why, self.retry_after = why, retry_after


class KeysAway(Exception):
    """No key to check a token with has ever been seen (503)."""

    def __init__(self, why: str, retry_after: int) -> None:
        """`retry_after`: whole seconds, 1 at least."""
        super().__init__(why)
        self.why, self.retry_after = why, retry_after


def refusal(denied: Denied) -> Unauthenticated | Forbidden:
    """Return what to raise for it."""
    if denied.needs_token:
        return Unauthenticated(denied.why, shown=False)
    return Forbidden(denied.why, denied.scopes)
