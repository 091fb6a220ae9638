from collections.abc import Callable

import pytest

from python_app_template.monitoring.health import Check, Health

STALLED = 60.0


def failing(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.detail for check in checks if not check.ok}


def waiting() -> Health:
    health = Health(STALLED)
    health.back("database", 0)
    health.waits("partition-0", 0, needs={"database"})
    return health


def test_nothing_reported_is_well() -> None:
    health = Health(STALLED)
    assert failing(health.readiness()) == {}
    assert failing(health.liveness(1e9)) == {}


def test_a_silent_thread_is_dead() -> None:
    health = Health(STALLED)
    health.beat("poll thread", 0)
    health.beat("event loop", 1)
    assert failing(health.liveness(60)) == {}
    assert failing(health.liveness(61)) == {"poll thread": "silent for 61 s"}
    health.beat("poll thread", 61)
    assert failing(health.liveness(61)) == {}


def test_a_thread_that_ended_is_not_silent() -> None:
    health = Health(STALLED)
    health.beat("poll thread", 0)
    health.ended("poll thread")
    health.ended("never begun")
    assert failing(health.liveness(100)) == {}


def test_work_that_waits_without_a_reason_is_dead() -> None:
    health = waiting()
    health.waits("partition-0", 50)
    assert failing(health.liveness(60)) == {}
    assert list(failing(health.liveness(61))) == ["partition-0"]
    health.moved("partition-0", 61)
    assert failing(health.liveness(121)) == {}
    assert failing(health.liveness(122)) != {}


def test_nothing_to_do_is_no_stall() -> None:
    health = waiting()
    health.rests("partition-0")
    health.moved("partition-0", 1)
    health.rests("never begun")
    assert failing(health.liveness(1000)) == {}
    health.waits("partition-0", 1000)
    assert failing(health.liveness(1060)) == {}
    assert failing(health.liveness(1061)) != {}


@pytest.mark.parametrize(
    ("trouble", "end"),
    [
        (lambda health: health.away("database", "refused"), lambda health: health.back("database", 500)),
        (lambda health: health.halted("partition-0", "other topic"), lambda health: health.resumed("partition-0", 500)),
    ],
    ids=["away", "halted"],
)
def test_a_known_reason_is_never_dead_and_time_begins_anew(
    trouble: Callable[[Health], None], end: Callable[[Health], None]
) -> None:
    health = waiting()
    trouble(health)
    assert failing(health.liveness(499)) == {}
    assert failing(health.readiness()) != {}
    end(health)
    assert failing(health.readiness()) == {}
    assert failing(health.liveness(560)) == {}
    assert failing(health.liveness(561)) != {}


def test_an_outage_of_something_else_excuses_nobody() -> None:
    health = waiting()
    health.away("broker", "refused")
    assert list(failing(health.liveness(61))) == ["partition-0"]
    health.back("broker", 61)
    assert list(failing(health.liveness(61))) == ["partition-0"]


def test_a_dependency_that_answers_again_and_again_restarts_nothing() -> None:
    health = waiting()
    health.back("database", 59)
    assert list(failing(health.liveness(61))) == ["partition-0"]


def test_readiness_names_each_check() -> None:
    health = waiting()
    health.checked("preflight", ok=False, detail="not run yet")
    health.away("broker", "no answer")
    health.halted("relay", "cursor lost")
    health.pressed("1,200 rows pending, 1,000 allowed", 0)
    assert failing(health.readiness()) == {
        "preflight": "not run yet",
        "broker": "no answer",
        "relay": "halted: cursor lost",
        "way out": "1,200 rows pending, 1,000 allowed",
    }
    assert "database" in [check.name for check in health.readiness() if check.ok]


def test_a_check_is_as_it_was_last_seen() -> None:
    health = Health(STALLED)
    health.checked("preflight", ok=False)
    health.checked("preflight", ok=True)
    health.pressed("full", 0)
    health.pressed(None, 0)
    assert failing(health.readiness()) == {}


def test_a_partition_that_went_elsewhere_is_forgotten() -> None:
    health = waiting()
    health.halted("partition-0", "other topic")
    health.ended("partition-0")
    assert failing(health.readiness()) == {}
    assert failing(health.liveness(1000)) == {}
