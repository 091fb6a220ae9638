"""An emptied database of the module's own for each test."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.worlds import empty, engine_on


@pytest.fixture
async def engine(shared_database: str) -> AsyncIterator[AsyncEngine]:
    async with engine_on(shared_database) as engine:
        await empty(engine)
        yield engine
