"""What is looked at before the start and needs no server."""

import pytest

from python_app_template.checking import deadlines
from python_app_template.core.ports.checks import Check, CheckDoubtful
from python_app_template.preflight import Finding, preflight
from python_app_template.settings import load
from tests.fakes.clock import FakeClock


async def test_deadlines_that_fit_into_each_other_are_fine() -> None:
    settings = load({"drain.grace_seconds": 20, "drain.killed_after_seconds": 30})
    assert await deadlines(settings) == "20 s to stop, 300 s to poll, 30 s to be killed"


async def test_a_grace_longer_than_the_poll_interval_is_worth_a_warning() -> None:
    settings = load({"kafka.max_poll_interval_ms": 20_000, "kafka.session_timeout_ms": 6_000})
    with pytest.raises(CheckDoubtful, match="25 s is not shorter than the poll interval of 20 s"):
        await deadlines(settings)


async def test_a_warning_keeps_nobody_from_starting_and_is_not_waited_for() -> None:
    async def doubtful() -> str:
        raise CheckDoubtful("odd", "look at it")

    clock = FakeClock()
    found = [finding async for finding in preflight([Check("some", doubtful)], 30, clock)]
    assert found == [Finding("some", ok=True, found="odd", remedy="look at it")]
    assert clock.time == 0


async def test_a_doubt_that_may_pass_is_waited_for_and_ends_as_a_warning() -> None:
    looks = 0

    async def away() -> str:
        nonlocal looks
        looks += 1
        raise CheckDoubtful("away", "start it", passing=True)

    clock = FakeClock()
    (found,) = [finding async for finding in preflight([Check("some", away)], 0.2, clock)]
    assert (found.ok, found.remedy, looks > 1) == (True, "start it", True)
