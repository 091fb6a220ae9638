"""What has to be true of Redis before somebody relies on it."""

import asyncio
from functools import partial
from typing import Any

from python_app_template.adapters.secondary.redis.connection import connected, redis_errors
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.checks import Check, CheckDoubtful, CheckFailed
from python_app_template.settings import RedisSettings

OLDEST = 7
"""The first version whose scripts are refused as a whole when memory is short."""

WANTED = "noeviction"


def checks(settings: RedisSettings, *, needed: bool) -> list[Check]:
    """Return them in the order in which they make sense; not `needed`, the service starts without an answer, too."""
    return [
        Check("redis", partial(version, settings, needed=needed)),
        Check("redis memory", partial(memory, settings, needed=needed)),
    ]


async def version(settings: RedisSettings, *, needed: bool) -> str:
    """It answers, and is of a kind that was tested."""
    found = await _asked(settings, "server", needed=needed)
    name = "Valkey" if "valkey_version" in found else "Redis"
    number = str(found.get("valkey_version") or found["redis_version"])
    if int(str(found["redis_version"]).partition(".")[0]) < OLDEST:
        raise CheckFailed(f"{name} {number}", f"use Redis {OLDEST} or later, or Valkey")
    if found.get("redis_mode") == "cluster":
        raise CheckFailed(f"{name} {number}, a cluster", "name a single server in APP_REDIS__URL: scripts span keys")
    return f"{name} {number}"


async def memory(settings: RedisSettings, *, needed: bool) -> str:
    """It refuses what it has no room for, and throws nothing away: half a copy would be believed."""
    found = await _asked(settings, "memory", needed=needed)
    policy = found["maxmemory_policy"]
    if policy != WANTED:
        raise CheckFailed(f"maxmemory-policy {policy}", f"CONFIG SET maxmemory-policy {WANTED}")
    return f"{WANTED}, {found['maxmemory_human'] if found['maxmemory'] else 'no limit'}"


async def _asked(settings: RedisSettings, section: str, *, needed: bool) -> dict[str, Any]:
    try:
        async with connected(settings) as client:
            with redis_errors():
                async with asyncio.timeout(settings.timeout_seconds):
                    found: dict[str, Any] = await client.info(section)
            return found
    except TransientError as fault:
        remedy = f"start it, or name another: APP_REDIS__URL, now {settings.url}"
        if needed:
            raise CheckFailed(f"{fault}", remedy, passing=True) from fault
        raise CheckDoubtful(f"{fault}", f"{remedy}; PostgreSQL answers meanwhile") from fault
