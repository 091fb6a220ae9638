"""What a transaction held is given back with it: the collector of cycles runs seldom, and a batch may be large."""

import gc
import weakref

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.adapters.secondary.postgres.unit_of_work import PostgresUnitOfWork
from python_app_template.monitoring.failing import failing_begin
from python_app_template.monitoring.failpoints import Failpoints
from python_app_template.monitoring.metered import MeteredUnitOfWork, Stopwatch
from python_app_template.settings.failpoints import parse
from tests.second_domain.sensors import Event, PostgresSensors, Sensors, create_tables
from tests.worlds import FORM, fact

pytestmark = pytest.mark.servers


async def test_a_transaction_refers_to_nothing_that_refers_back(engine: AsyncEngine) -> None:
    begin = failing_begin(
        lambda: PostgresUnitOfWork[Event, frozenset[str], Sensors](engine, PostgresSensors, FORM, lambda: None),
        Failpoints(parse("worker.loaded=off"), 0),
    )
    async with engine.begin() as connection:
        await create_tables(connection)
    gc.disable()
    try:
        async with MeteredUnitOfWork(begin(), Stopwatch(SystemClock())) as uow:
            await uow.advance(())
            uow.outbox.put([fact("s")], ())
            await uow.commit()
            outbox = weakref.ref(uow.outbox)
        del uow
        assert outbox() is None
    finally:
        gc.enable()
