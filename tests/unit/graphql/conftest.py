"""A desk for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.graphql.desk import Desk, opened


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened() as desk:
        yield desk
