"""What every reader of the outbox promises: dense pages from a witness on, and a memory of what was begun."""

from python_app_template.core.delivery.relaying import Cursor, follow
from tests.worlds import World


async def test_at_first_there_is_row_0_and_nothing_was_ever_published(world: World) -> None:
    standing = await world.outbox().standing()
    assert (standing.origin.number, standing.started) == (0, False)
    [witness] = await world.outbox().page(0)
    assert (witness.cursor, list(witness.frames)) == (standing.origin, [])


async def test_that_it_was_started_is_remembered_for_good(world: World) -> None:
    for _ in range(2):
        await world.outbox().start()
        assert (await world.outbox().standing()).started


async def test_pages_follow_each_other_without_a_gap(world: World) -> None:
    for number in range(1, 12):
        await world.append(f"sensor-{number}", f"again-{number}")
    cursor, found, pages = (await world.outbox().standing()).origin, [], 0
    while rows := follow(cursor, await world.outbox().page(cursor.number)):
        cursor, pages = rows[-1].cursor, pages + 1
        found += [(frame.key or b"").decode() for row in rows for frame in row.frames]
    assert found == [name for number in range(1, 12) for name in (f"sensor-{number}", f"again-{number}")]
    assert pages > 1


async def test_a_row_larger_than_a_page_is_a_page(world: World) -> None:
    many = [f"sensor-{n:04}" for n in range(500)]
    await world.append(*many)
    await world.append("next")
    page = await world.outbox().page(0)
    assert [(frame.key or b"").decode() for frame in page[1].frames] == many


async def test_what_is_below_the_cursor_can_be_forgotten_and_the_cursors_row_stays(world: World) -> None:
    for number in range(1, 6):
        await world.append(f"sensor-{number}")
    await world.outbox().trim(4)
    standing = await world.outbox().standing()
    page = await world.outbox().page(4)
    assert [row.number for row in page] == [4, 5]
    assert page[0].number == 4
    assert [row.number for row in await world.outbox().page(0)][:1] != [0]
    assert not standing.started


async def test_a_number_that_does_not_exist_has_no_witness(world: World) -> None:
    await world.append("a")
    assert [row.number for row in await world.outbox().page(7)] == []


async def test_frames_come_as_they_were_put(world: World) -> None:
    await world.append("é\U0001f4e6")
    _, row = await world.outbox().page(0)
    [frame] = row.frames
    assert (frame.topic, frame.key, frame.type) == ("alerts", "é\U0001f4e6".encode(), "alert.cleared")
    assert dict(frame.headers)["ce_type"] == b"alert.cleared"


async def test_rows_tell_when_they_were_committed(world: World) -> None:
    await world.append("a")
    _, row = await world.outbox().page(0)
    assert 0 <= row.age < 60


async def test_ids_of_topics_are_those_that_were_first_seen(world: World) -> None:
    assert await world.outbox().topics({"a": "1", "b": "2"}) == {"a": "1", "b": "2"}
    assert await world.outbox().topics({"b": "new", "c": "3"}) == {"b": "2", "c": "3"}
    assert await world.outbox().topics({}) == {}


async def test_each_row_has_an_id_of_its_own(world: World) -> None:
    await world.append("a")
    await world.append("a")
    page = await world.outbox().page(0)
    assert len({row.row_id for row in page}) == 3
    assert page[-1].cursor == Cursor(2, page[-1].row_id)
