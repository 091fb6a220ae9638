"""A shop whose stock is shown from Redis."""

from collections.abc import AsyncIterator

import pytest

from tests.copies import InRedis, copied_at


@pytest.fixture
async def shop(redis_url: str) -> AsyncIterator[InRedis]:
    async with copied_at(redis_url) as shop:
        yield shop
