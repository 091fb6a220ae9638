"""Following commands: one look for all, and an end to waiting."""

from functools import partial

import pytest

from python_app_template.core.delivery.commands import Buried, Place, Standing, Status, Trace
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Refused
from python_app_template.core.use_cases.follow_commands import PENDING, FollowCommands
from tests.fakes.commands import FakeCommandLog
from tests.fakes.faults import Fault

APPLIED = Standing(Status.APPLIED)


async def test_who_waits_hears_when_the_command_is_consumed() -> None:
    log, heard = FakeCommandLog(p0=Trace(5)), list[Standing]()
    follow = FollowCommands(log, most=10)
    follow.wait(Place(0, 5), heard.append)
    await follow.look()
    assert heard == []
    log.partitions[0] = Trace(6)
    await follow.look()
    await follow.look()
    assert heard == [APPLIED]
    assert follow.waiting == 0


async def test_each_hears_of_their_own_command() -> None:
    why = Refused("conflict", "other content")
    log = FakeCommandLog(p0=Trace(6), p1=Trace(9, buried=Buried(1, why)), p2=Trace(0))
    follow, heard = FollowCommands(log, most=10), dict[str, Standing]()
    wanted = {"a": Place(0, 5), "b": Place(1, 8), "c": Place(2, 0), "d": Place(0, 5), "e": Place(7, 0)}
    for name, place in wanted.items():
        follow.wait(place, partial(heard.__setitem__, name))
    await follow.look()
    assert heard == {"a": APPLIED, "d": APPLIED, "b": Standing(Status.DEAD_LETTERED, why)}
    assert log.looks == 1


async def test_nothing_is_asked_while_nobody_waits() -> None:
    log = FakeCommandLog(p0=Trace(5))
    follow = FollowCommands(log, most=10)
    await follow.look()
    leave = follow.wait(Place(0, 5), lambda _: None)
    leave()
    leave()
    await follow.look()
    assert log.looks == 0


async def test_who_left_hears_nothing() -> None:
    log, heard = FakeCommandLog(p0=Trace(6)), list[Standing]()
    follow = FollowCommands(log, most=10)
    follow.wait(Place(0, 5), heard.append)()
    follow.wait(Place(0, 4), lambda _: None)
    await follow.look()
    assert heard == []


async def test_no_more_than_allowed_wait() -> None:
    follow, heard = FollowCommands(FakeCommandLog(), most=2), list[Standing]()
    leave = follow.wait(Place(0, 5), heard.append)
    follow.wait(Place(0, 5), heard.append)
    follow.wait(Place(0, 5), heard.append)
    assert heard == [PENDING]
    leave()
    follow.wait(Place(0, 5), heard.append)
    assert heard == [PENDING]
    assert follow.waiting == 2


async def test_a_drain_tells_all_who_wait_and_all_who_come_after() -> None:
    follow, heard = FollowCommands(FakeCommandLog(p0=Trace(6)), most=10), list[Standing]()
    follow.wait(Place(0, 5), heard.append)
    follow.drain()
    follow.wait(Place(0, 5), heard.append)
    await follow.look()
    assert heard == [PENDING, PENDING]
    assert follow.waiting == 0


async def test_a_fault_lets_them_wait_on() -> None:
    log, heard = FakeCommandLog(p0=Trace(6)), list[Standing]()
    follow = FollowCommands(log, most=10)
    follow.wait(Place(0, 5), heard.append)
    log.faults.script[1] = Fault.TRANSIENT
    with pytest.raises(TransientError):
        await follow.look()
    await follow.look()
    assert heard == [APPLIED]


async def test_the_standing_now_is_told_without_waiting() -> None:
    follow = FollowCommands(FakeCommandLog(p0=Trace(6)), most=0)
    assert await follow.standing(Place(0, 5)) == APPLIED
    assert await follow.standing(Place(0, 6)) == PENDING
