"""Commands and events are told apart by what they hold: named tuples are equal by their fields, whatever their kind."""

from itertools import combinations
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from python_app_template.core.domain.commands import Command
from python_app_template.core.domain.events import Event

PAIRS = [*combinations([*get_args(Command), *get_args(Event)], 2)]


def classes(annotation: Any) -> set[type]:
    """What a value of this annotation can be an instance of."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return {found for one in get_args(annotation) for found in classes(one)}
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}
    found = origin or annotation
    assert isinstance(found, type)
    return {found}


def differ(one: type, other: type) -> bool:
    """Whether they have different numbers of fields, or a field whose values are never of one class."""
    ours, theirs = ([classes(field) for field in get_type_hints(kind).values()] for kind in (one, other))
    return len(ours) != len(theirs) or any(a.isdisjoint(b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_kinds_are_never_equal(one: type, other: type) -> None:
    """Else a test that compares, or a set that holds both, would take one for the other."""
    assert differ(one, other)
