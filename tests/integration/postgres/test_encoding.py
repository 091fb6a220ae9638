"""Events are encoded on a thread, beside the writing of what changed: what goes wrong in either keeps its kind."""

import threading
from collections.abc import Iterable

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.secondary.postgres.outbox import FEW
from python_app_template.adapters.secondary.postgres.repository import PostgresRepository
from python_app_template.adapters.secondary.postgres.unit_of_work import PostgresUnitOfWork
from python_app_template.core.delivery.faults import MessageError, TransientError
from python_app_template.core.delivery.messages import Fact, Frame
from tests.second_domain.sensors import Event, Sensors
from tests.worlds import FORM, InPostgres, SensorsAtWork, fact, nothing

pytestmark = pytest.mark.servers

MANY = [fact(f"s{n}") for n in range(2 * FEW)]
ABOUT_BOTH = pytest.mark.parametrize("facts", [MANY[:2], MANY], ids=["few", "many"])


class Nothing(PostgresRepository[frozenset[str], Sensors]):
    """A store in which nothing changes."""

    def __init__(self, _connection: AsyncConnection) -> None:
        pass

    async def load(self, _wanted: frozenset[str]) -> Sensors:
        return Sensors()

    async def flush(self) -> None:
        pass


def begun(engine: AsyncEngine, encode: object = FORM.encode, store: type[Nothing] = Nothing) -> SensorsAtWork:
    form = FORM._replace(encode=encode)  # type: ignore[arg-type] # a stand-in
    return PostgresUnitOfWork[Event, frozenset[str], Sensors](engine, store, form, nothing)


async def commit(uow: SensorsAtWork, facts: list[Fact[Event]]) -> None:
    async with uow:
        await uow.advance(())
        await uow.store.load(frozenset())
        uow.outbox.put(facts, ())
        await uow.commit()


@ABOUT_BOTH
async def test_events_go_out_in_their_order(engine: AsyncEngine, facts: list[Fact[Event]]) -> None:
    await commit(begun(engine), facts)
    assert await InPostgres(engine).published() == [one.event.sensor for one in facts]


@ABOUT_BOTH
async def test_an_event_that_can_not_be_encoded_is_about_a_message(
    engine: AsyncEngine, facts: list[Fact[Event]]
) -> None:
    def encode(_facts: object, *_: str) -> Iterable[Frame]:
        raise KeyError("no such name")

    with pytest.raises(MessageError, match="KeyError: 'no such name'"):
        await commit(begun(engine, encode), facts)
    assert await InPostgres(engine).published() == []


async def test_a_transaction_that_fails_ends_when_its_encoding_has(engine: AsyncEngine) -> None:
    failing, left = threading.Event(), threading.Event()
    left_before: list[bool] = []

    class Failing(Nothing):
        async def flush(self) -> None:
            failing.set()
            raise TransientError("away")

    def encode(_facts: object, *_: str) -> Iterable[Frame]:
        assert failing.wait(10)
        left_before.append(left.wait(0.1))
        raise KeyError("is not what ended it")

    async with begun(engine, encode, Failing) as uow:
        await uow.advance(())
        uow.outbox.put(MANY, ())
        with pytest.raises(TransientError, match="away"):
            await uow.commit()
        left.set()
    assert left_before == [False]
