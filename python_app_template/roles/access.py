"""Who may ask: the tokens' keys, the limits and the policy as one way in, for every role that answers requests."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from python_app_template.adapters.secondary.throttle import LocalThrottle
from python_app_template.adapters.secondary.tokens.fetching import fetch
from python_app_template.adapters.secondary.tokens.key_ring import FixedKeys, Keys, published
from python_app_template.adapters.secondary.tokens.published_keys import NotFetched, PublishedKeys, Standing
from python_app_template.adapters.secondary.tokens.verifying import Expected, JwtTokens, OpenDoor
from python_app_template.core.access.policy import Policy
from python_app_template.core.ports.checks import Check, CheckDoubtful
from python_app_template.core.ports.tokens import Tokens
from python_app_template.core.use_cases.admit import Admit
from python_app_template.lifecycle import Part, repeating
from python_app_template.settings.public_keys import public_key
from python_app_template.settings.sections.auth import Auth
from python_app_template.world import World

LOOK_EVERY = 1.0
"""Seconds between two looks at whether it is time to fetch the issuer's keys."""
TOKEN_KEYS = "token keys"  # noqa: S105 - the name of a check


class Access(NamedTuple):
    """The way in, and what keeps its keys fresh."""

    admit: Admit
    parts: Sequence[Part]


def open_access(world: World, policy: Policy) -> Access:
    """Wire it as the settings say; they have been judged, so that a key can be loaded here."""
    auth, api, clock = world.settings.auth, world.settings.api, world.monitoring.clock
    throttle = LocalThrottle(clock, per_second=api.rate_per_second, refused_per_minute=api.refused_per_minute)
    if auth.mode == "none":
        return Access(Admit(OpenDoor(policy.scopes), throttle, policy), [])
    keys, parts = _keys(world, auth)
    return Access(Admit(_tokens(world, auth, keys), throttle, policy), parts)


def _tokens(world: World, auth: Auth, keys: Keys) -> Tokens:
    expected = Expected(auth.issuer or "", auth.audience or "", auth.scope_claim)
    return JwtTokens(keys, expected, world.monitoring.clock)


def _keys(world: World, auth: Auth) -> tuple[Keys, Sequence[Part]]:
    if auth.secret is not None:
        return FixedKeys(auth.secret.get_secret_value().encode(), auth.algorithms), []
    if auth.public_key is not None:
        return FixedKeys(public_key(auth.public_key), auth.algorithms), []
    keys = PublishedKeys(
        partial(fetch, f"{auth.jwks_url}"), auth.algorithms, world.monitoring.clock, partial(_tell, world)
    )
    world.monitoring.health.checked(TOKEN_KEYS, ok=False, detail="not fetched yet")
    return keys, [repeating(TOKEN_KEYS, keys.look, LOOK_EVERY)]


def _tell(world: World, standing: Standing) -> None:
    world.monitoring.health.checked(TOKEN_KEYS, ok=standing.serves, detail=standing.detail)
    if standing.failed:
        world.monitoring.metrics.retried("fetch_keys", standing.failed)


def access_checks(world: World) -> Sequence[Check]:
    """Look whether the issuer's keys can be had; where there is no issuer to ask there is nothing to look at."""
    auth = world.settings.auth
    if auth.mode != "jwt" or auth.jwks_url is None:
        return ()
    return [Check(TOKEN_KEYS, partial(_look, auth.jwks_url, auth.algorithms))]


async def _look(url: str, algorithms: frozenset[str]) -> str:
    try:
        return f"{len(published(await fetch(url), algorithms).keys)} of the issuer can be used"
    except (NotFetched, ValueError) as fault:
        # The service starts: the issuer may come back, and until then it answers 503.
        raise CheckDoubtful(f"{url}: {fault}", "see APP_AUTH__JWKS_URL and APP_AUTH__ALGORITHMS") from None
