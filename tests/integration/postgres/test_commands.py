"""What the tables know of commands: written by the worker's own transaction, and trimmed with a note of how far."""

from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.commands import PostgresCommandLog, command_secret
from python_app_template.adapters.secondary.postgres.fates import trim
from python_app_template.adapters.secondary.postgres.moves import PostgresMoves
from python_app_template.adapters.secondary.postgres.positions import PostgresPositions
from python_app_template.core.delivery.commands import Place, Standing, Status, judge
from python_app_template.core.delivery.messages import DeadLetter, Refused, Span
from python_app_template.core.delivery.moving import Move
from python_app_template.core.delivery.positions import Position
from tests.builders import GROUP, P, log, record
from tests.worlds import InPostgres, world_at

pytestmark = pytest.mark.servers

WHY = Refused("unknown_order", "order o-1 was never placed")
DAY = 86_400.0


class Tables:
    """The tables, as a worker of one partition and an operator change them."""

    def __init__(self, world: InPostgres) -> None:
        self.engine, self.world = world.engine, world
        self.log = PostgresCommandLog(world.engine, P.topic)

    async def claim(self) -> Position:
        return await PostgresPositions(self.engine, GROUP, 10).claim(P, log())

    async def consume(self, start: int, end: int, *buried: int, why: Refused = WHY) -> None:
        epoch = (await self.claim()).epoch
        async with self.world.begin() as uow:
            assert not await uow.advance([Span(P, epoch, start, end)])
            uow.outbox.put([], [DeadLetter(record(offset, P), why) for offset in buried])
            await uow.commit()

    async def move(self, offset: int) -> None:
        (row,) = await PostgresMoves(self.engine).rows()
        await PostgresMoves(self.engine).make([Move(P, row, row.group, row.topic_id, offset)], "a test")

    async def standing(self, offset: int) -> Standing:
        place = Place(P.number, offset)
        return judge(offset, (await self.log.traces([place]))[place])

    async def statuses(self, count: int) -> str:
        return "".join([(await self.standing(offset)).status.value[0] for offset in range(count)])

    async def age(self, offsets: Sequence[int]) -> None:
        later = "UPDATE dead_letters SET written_at = written_at - interval '2 days' WHERE \"offset\" = ANY(:offsets)"
        async with self.engine.begin() as connection:
            await connection.execute(text(later), {"offsets": offsets})


@pytest.fixture
async def tables(shared_database: str) -> AsyncIterator[Tables]:
    async with world_at(shared_database) as world:
        assert isinstance(world, InPostgres)
        yield Tables(world)


async def test_before_anything_is_consumed_all_is_pending(tables: Tables) -> None:
    assert await tables.log.consumed() == {}
    assert await tables.statuses(2) == "pp"


async def test_a_dead_letter_is_written_with_the_positions_move(tables: Tables) -> None:
    await tables.consume(0, 3, 1)
    assert await tables.log.consumed() == {P.number: 3}
    assert await tables.statuses(4) == "adap"
    assert await tables.standing(1) == Standing(Status.DEAD_LETTERED, WHY)


async def test_what_is_rolled_back_is_no_dead_letter(tables: Tables) -> None:
    epoch = (await tables.claim()).epoch
    async with tables.world.begin() as uow:
        await uow.advance([Span(P, epoch, 0, 3)])
        uow.outbox.put([], [DeadLetter(record(1, P), WHY)])
    assert await tables.statuses(3) == "ppp"
    await tables.consume(0, 3)
    assert await tables.statuses(3) == "aaa"


async def test_a_detail_of_any_kind_can_be_kept(tables: Tables) -> None:
    await tables.consume(0, 1, 0, why=Refused("failed", "a\x00b\nc" + "é" * 2000))
    why = (await tables.standing(0)).why
    assert why is not None
    assert why.detail.startswith("a b cé")
    assert len(why.detail.encode()) <= 1024


async def test_what_an_operator_moved_over_is_skipped(tables: Tables) -> None:
    await tables.consume(0, 2)
    await tables.move(5)
    await tables.consume(5, 6)
    assert await tables.statuses(7) == "aasssap"


async def test_what_is_consumed_again_is_told_anew(tables: Tables) -> None:
    await tables.consume(0, 3, 1, 2)
    await tables.move(1)
    assert await tables.statuses(3) == "add"  # until it is consumed again, it stays what it was
    await tables.consume(1, 3, 2)
    assert await tables.statuses(3) == "aad"


async def test_trimming_writes_down_how_far_it_went(tables: Tables) -> None:
    await tables.consume(0, 10, 2, 5, 7)
    await tables.age([2, 5])
    assert await trim(tables.engine, DAY) == 2
    assert await tables.statuses(11) == "uuuuuuadaap"
    assert await trim(tables.engine, DAY) == 0
    assert await tables.statuses(11) == "uuuuuuadaap"


async def test_a_dead_letter_that_is_younger_is_known_below_the_mark_too(tables: Tables) -> None:
    await tables.consume(0, 10, 2, 5)
    await tables.age([5])
    await trim(tables.engine, DAY)
    assert await tables.statuses(7) == "uuduuua"


async def test_the_first_secret_is_everybodys(engine: AsyncEngine) -> None:
    assert await command_secret(engine, b"first") == b"first"
    assert await command_secret(engine, b"second") == b"first"
