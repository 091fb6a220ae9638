"""What would stand still is said before the start, and keeps nobody from starting."""

from collections.abc import Sequence

import pytest

from python_app_template.core.delivery.faults import FatalError, Halted, TransientError
from python_app_template.core.delivery.positions import Log
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.ports.checks import CheckDoubtful
from python_app_template.core.ports.moves import Waiting
from python_app_template.core.use_cases.foresee_halts import checks, positions, way_out
from python_app_template.core.use_cases.show_positions import Consumed, Published
from tests.builders import P, Q, position
from tests.unit.use_cases.test_show_positions import Office

WHY = Halted("relay", "database_set_back", expected=Cursor(7, "a"), found="no such row", remedy="see the docs")


class Standing:
    """Answers one after the other; the last again and again."""

    def __init__(self, *answers: Published | Exception) -> None:
        self._answers = list(answers)

    async def look(self) -> Published:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def published(halted: Halted | None = None) -> Published:
    return Published(Cursor(7, "a"), 7, 9, Waiting(2, 10, 1.0), halted)


def consumed(*states: str) -> list[Consumed]:
    return [Consumed(p, position(5, p), Log("id", 0, 9), state) for p, state in zip((P, Q), states, strict=False)]


async def look_at(*states: str) -> str:
    async def look() -> Sequence[Consumed]:
        return consumed(*states)

    return await positions(look)


async def test_positions_that_fit_are_fine() -> None:
    assert await look_at("", "unclaimed") == "2 partitions"


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("other_group", "other_group"),
        ("topic_recreated", "topic_recreated"),
        ("log_truncated", "log_truncated"),
        ("not_consumed", "no longer the input topic"),
        ("missing", "the topic has no such partition"),
    ],
)
async def test_a_position_that_does_not_fit_is_named(state: str, found: str) -> None:
    with pytest.raises(CheckDoubtful) as doubt:
        await look_at("", state)
    assert doubt.value.found == f"{Q.topic}, partition {Q.number}: {found}"
    assert doubt.value.remedy


async def test_a_way_out_that_is_free_is_fine() -> None:
    assert await way_out(Standing(published()).look) == "published 7 of 9"


async def test_a_database_that_was_set_back_is_named_with_what_to_do() -> None:
    with pytest.raises(CheckDoubtful, match="database_set_back") as doubt:
        await way_out(Standing(published(WHY)).look)
    assert doubt.value.remedy == "see the docs"


async def test_a_relay_at_work_that_came_in_between_alarms_nobody() -> None:
    assert await way_out(Standing(published(WHY), published()).look)


@pytest.mark.parametrize(
    ("fault", "passing"),
    [
        (TransientError("away"), True),
        (FatalError("no such table"), True),
        (TransientError("no right", code="TOPIC_AUTHORIZATION_FAILED"), False),
    ],
)
async def test_what_is_away_is_waited_for_and_never_ends_the_service(fault: Exception, passing: bool) -> None:  # noqa: FBT001 - a table
    with pytest.raises(CheckDoubtful, match="can not be looked at") as doubt:
        await way_out(Standing(fault).look)
    assert doubt.value.passing is passing


async def test_all_positions_that_do_not_fit_are_named_in_one_line() -> None:
    with pytest.raises(CheckDoubtful) as doubt:
        await look_at("missing", "other_group")
    assert doubt.value.found == (
        "raw-push, partition 0: the topic has no such partition; raw-push, partition 1: other_group"
    )


async def test_a_way_out_that_nothing_took_yet_is_fine() -> None:
    nothing = Published(None, 0, 9, Waiting(9, 10, 1.0), None)
    assert await way_out(Standing(nothing).look) == "published nothing of 9"


@pytest.mark.parametrize(
    ("worker", "relay", "expected"),
    [
        (True, True, {"positions": "2 partitions", "way out": "published nothing of 0"}),
        (True, False, {"positions": "2 partitions"}),
        (False, True, {"way out": "published nothing of 0"}),
        (False, False, {}),
    ],
)
async def test_each_role_looks_at_its_own(*, worker: bool, relay: bool, expected: dict[str, str]) -> None:
    show = Office(position(30)).show()
    assert {check.name: await check.look() for check in checks(show, worker=worker, relay=relay)} == expected
