"""The bus: which handler takes which command, and what does not fit together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from python_app_template.core.delivery.outcomes import Decision
from python_app_template.core.use_cases.message_bus import InconsistentHandlersError, MessageBus


@dataclass(frozen=True)
class Open:
    name: str


@dataclass(frozen=True)
class Close:
    name: str


Door: TypeAlias = Open | Close
Handlers: TypeAlias = Mapping[type[Door], Callable[..., Decision[str]]]


def open_door(command: Open, doors: set[str]) -> Decision[str]:
    doors.add(command.name)
    return [f"opened {command.name}"]


def close_door(command: Close, doors: set[str], greeting: str, times: int) -> Decision[str]:
    doors.remove(command.name)
    return [greeting] * times


def close_any(_command: Any, _doors: set[str]) -> Decision[str]:
    return []


async def close_slowly(_command: Close, _doors: set[str]) -> Decision[str]:
    return []


def close_nothing() -> Decision[str]:
    return []


def test_a_command_goes_to_its_handler_with_the_state() -> None:
    doors: set[str] = set()
    bus: MessageBus[Door, set[str], str] = MessageBus(Door, {Open: open_door, Close: close_any})
    assert bus(Open("front"), doors) == ["opened front"]
    assert doors == {"front"}


def test_handlers_get_what_they_depend_on_by_name() -> None:
    handlers: Handlers = {Open: open_door, Close: close_door}
    bus: MessageBus[Door, set[str], str] = MessageBus(Door, handlers, times=2, greeting="bye")
    assert bus(Close("front"), {"front"}) == ["bye", "bye"]


def test_a_single_command_needs_no_union() -> None:
    bus: MessageBus[Open, set[str], str] = MessageBus(Open, {Open: open_door})
    assert bus(Open("front"), set()) == ["opened front"]


@pytest.mark.parametrize(
    ("handlers", "dependencies", "complaint"),
    [
        ({Open: open_door}, {}, "no handler for Close"),
        ({Open: open_door, Close: close_any, str: close_any}, {}, "no command of this service: str"),
        ({Open: open_door, Close: open_door}, {}, "open_door takes .*Open.* not .*Close"),
        ({Open: open_door, Close: close_door}, {"times": 2}, "close_door asks for greeting"),
        ({Open: open_door, Close: close_any}, {"times": 2}, "no handler asks for times"),
        ({Open: open_door, Close: close_slowly}, {}, "close_slowly is async"),
        ({Open: open_door, Close: close_nothing}, {}, "close_nothing takes no command and state"),
    ],
)
def test_what_does_not_fit_together_is_refused_when_the_bus_is_made(
    handlers: Mapping[type[Any], Any], dependencies: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InconsistentHandlersError, match=complaint):
        MessageBus(Door, handlers, **dependencies)


def close_unnamed(_command, _doors):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - that is the point
    return []


def test_a_handler_that_does_not_say_what_it_takes_is_taken_at_its_place() -> None:
    bus: MessageBus[Door, set[str], str] = MessageBus(Door, {Open: open_door, Close: close_unnamed})
    assert bus(Close("a"), set()) == []


def test_all_names_that_do_not_fit_are_said_in_order() -> None:
    with pytest.raises(InconsistentHandlersError, match=r"^no handler for Close, Open$"):
        MessageBus(Door, {})
