"""Who asks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """Whoever has shown a token that was checked; or everybody, where no token is asked for (`id` is None)."""

    id: str | None
    """The token's `sub`: any text, which nobody has judged by the rules for ids."""
    scopes: frozenset[str]
    """As the token says; names that nobody here knows are among them, and give nothing."""
    until: float | None = None
    """Seconds since 1970 after which the token is refused; None: never."""
