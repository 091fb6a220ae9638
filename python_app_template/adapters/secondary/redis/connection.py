"""Connections to Redis from the settings, and scripts: one call, atomic, answered in one piece."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from python_app_template.core.delivery.faults import TransientError
from python_app_template.settings import RedisSettings

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


@asynccontextmanager
async def connected(settings: RedisSettings) -> AsyncIterator[Redis]:
    """Open a pool; nothing is connected before it is used. A call is never repeated by itself."""
    pool = BlockingConnectionPool.from_url(
        settings.url.get_secret_value(),
        max_connections=settings.pool_size,
        timeout=settings.timeout_seconds,
        socket_connect_timeout=settings.timeout_seconds,
        # Each call has a timeout of its own. The driver's would write under asyncio.wait_for, which before Python 3.12
        # loses a cancellation that comes as the work is done (bpo-37658), and with it our timeout.
        socket_timeout=None,
        retry=Retry(NoBackoff(), 0),
    )
    client = Redis.from_pool(pool)
    try:
        yield client
    finally:
        await client.aclose()


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise TransientError instead of the driver's errors; what a person has to mend is tried again, too."""
    try:
        yield
    except (exceptions.RedisError, OSError, TimeoutError) as error:
        text = " ".join(str(error).split()) or "no answer in time"
        raise TransientError(f"Redis: {text}", code=type(error).__name__) from error


class Script:
    """A Lua script beside a module. It takes keys and one value, and answers with one; both travel as MessagePack."""

    def __init__(self, client: Redis, *files: Path) -> None:
        self._script = client.register_script("\n".join(file.read_text("utf-8") for file in files))

    async def __call__(self, keys: Sequence[str], order: Any, seconds: float) -> Any:
        """Run it, for so long at the most. Raises TransientError."""
        with redis_errors():
            async with asyncio.timeout(seconds):
                return _decode(await self._script(keys=list(keys), args=[_encode(order)]))
