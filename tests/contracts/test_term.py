"""What every right to relay promises: one at a time, and once lost, lost."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.term import lead
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.publishing import Lead
from python_app_template.settings import load
from tests.fakes.publishing import FakeBroker
from tests.worlds import engine_on


class Throne(ABC):
    """Where the right to relay is fought for."""

    lead: Lead

    @abstractmethod
    async def overthrow(self) -> None:
        """Take the right from whoever has it, without asking."""


class InMemory(Throne):
    def __init__(self) -> None:
        self._broker = FakeBroker()
        self.lead = self._broker.lead

    async def overthrow(self) -> None:
        self._broker.leader = None


class InPostgres(Throne):
    def __init__(self, engine: AsyncEngine, url: str) -> None:
        self._engine = engine
        self.lead = lead(load({"database.url": url}).database)

    async def overthrow(self) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(text(END_RELAYS))


END_RELAYS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE application_name = 'relay' AND datname = current_database()
"""


@pytest.fixture
async def throne(place: str | None) -> AsyncIterator[Throne]:
    if place is None:
        yield InMemory()
        return
    async with engine_on(place) as engine:
        yield InPostgres(engine, place)


async def is_free(throne: Throne) -> bool:
    async with throne.lead() as term:
        return await term.holds()


async def test_it_is_held_until_it_is_given_back(throne: Throne) -> None:
    for _ in range(2):
        async with throne.lead() as term:
            assert [await term.holds() for _ in range(3)] == [True, True, True]


async def test_only_one_has_it(throne: Throne) -> None:
    async with throne.lead() as term:
        assert not await is_free(throne)
        assert await term.holds()
    assert await is_free(throne)


async def test_an_error_inside_gives_it_back(throne: Throne) -> None:
    async def fail() -> None:
        async with throne.lead():
            raise LookupError("a bug")

    with pytest.raises(LookupError):
        await fail()
    assert await is_free(throne)


async def test_once_lost_it_stays_lost_and_another_can_have_it(throne: Throne) -> None:
    async with throne.lead() as term:
        await throne.overthrow()
        assert not await term.holds()
        assert await is_free(throne)
        assert not await term.holds()


async def test_who_did_not_get_it_does_not_get_it_later(throne: Throne) -> None:
    async with throne.lead(), throne.lead() as late:
        await throne.overthrow()
        assert not await late.holds()
        assert not await late.holds()


async def test_of_many_at_once_one_has_it(throne: Throne) -> None:
    asked: list[bool] = []
    all_asked = asyncio.Event()

    async def reign() -> None:
        async with throne.lead() as term:
            asked.append(await term.holds())
            if len(asked) == 3:
                all_asked.set()
            await all_asked.wait()

    await asyncio.gather(*(reign() for _ in range(3)))
    assert sorted(asked) == [False, False, True]


async def test_who_queues_on_gets_it_once_it_is_free_and_keeps_it(throne: Throne) -> None:
    first = throne.lead()
    await first.__aenter__()
    async with throne.lead() as second:
        assert not await second.holds()
        assert not await second.queue()
        await first.__aexit__(None, None, None)
        assert await second.queue()
        assert await second.holds()
        assert not await is_free(throne)
    assert await is_free(throne)


async def test_who_lost_it_queues_in_vain(throne: Throne) -> None:
    async with throne.lead() as term:
        assert await term.queue()
        await throne.overthrow()
        with pytest.raises(TransientError):
            await term.queue()
