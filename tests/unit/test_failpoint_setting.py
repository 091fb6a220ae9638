"""How failpoints are set, and what is said of a wrong value."""

import pytest

from python_app_template.settings import SettingsError, load
from python_app_template.settings.failpoints import PLACES, Term, parse


def fault(**overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load({name.replace("__", "."): value for name, value in overrides.items()})
    (line,) = caught.value.lines
    return line


def test_nothing_is_set_by_default() -> None:
    assert parse(load().failpoints.points) == {}


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("crash", [Term("crash")]),
        ("2*off->1*crash", [Term("off", times=2), Term("crash", times=1)]),
        ("5%error(53100)", [Term("error", chance=5, code="53100")]),
        ("0.5%3*error->delay(1.5)", [Term("error", 0.5, 3), Term("delay", seconds=1.5)]),
        (" slow -> 1*doubt ", [Term("slow"), Term("doubt", times=1)]),
        ("0*crash", [Term("crash", times=0)]),
    ],
)
def test_terms_are_read_in_their_order(text: str, terms: list[Term]) -> None:
    assert parse(f"worker.before_commit={text}") == {"worker.before_commit": terms}


def test_points_are_separated_by_semicolons() -> None:
    assert list(parse("worker.begun=off; relay.led=crash;")) == ["worker.begun", "relay.led"]


def test_every_point_takes_what_it_says() -> None:
    for name, place in PLACES.items():
        for action in place.takes:
            (term,) = parse(f"{name}={action}{'(1)' if action == 'delay' else ''}")[name]
            assert term.action == action


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("worker.begn=crash", "no failpoint 'worker.begn'; there are worker.assigned, worker.revoked"),
        ("worker.begun", "'' of worker.begun is no action"),
        ("worker.begun=crash->", "'' of worker.begun is no action"),
        ("worker.begun=boom", "worker.begun takes no 'boom', but off, crash, delay, error, slow"),
        ("worker.begun=doubt", "worker.begun takes no 'doubt', but off"),
        ("worker.assigned=error", "worker.assigned takes no 'error', but off, crash, delay"),
        ("worker.begun=101%crash", "101% of worker.begun is more than 100%"),
        ("worker.begun=-1*crash", "'-1*crash' of worker.begun is no action"),
        ("worker.begun=delay", "delay of worker.begun needs its seconds"),
        ("worker.begun=delay(nan)", "delay of worker.begun needs its seconds"),
        ("worker.begun=crash(1)", "crash of worker.begun takes no argument"),
        ("worker.begun=error(a b)", "error(a b) of worker.begun names no code"),
        ("worker.begun=error()", "error() of worker.begun names no code"),
        ("relay.led=off;relay.led=crash", "'relay.led' stands there twice"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_what_is_allowed(text: str, says: str) -> None:
    line = fault(failpoints__points=text)
    assert line.startswith("APP_FAILPOINTS__POINTS (command line): ")
    assert says in line
    assert line.endswith("allowed: NAME=[P%][N*]ACTION[(ARGUMENT)][->...], separated by ;")


def test_production_has_none() -> None:
    line = fault(environment="prod", failpoints__points="worker.begun=off")
    assert line == "APP_FAILPOINTS__POINTS: not with APP_ENVIRONMENT=prod; allowed with dev, test"
    assert load({"environment": "prod"}).failpoints.points == ""
