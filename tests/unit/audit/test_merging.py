"""One order out of what came before what: kept to where it can be, and told where it contradicts itself."""

import pytest

from python_app_template.audit.merging import Merging, Node

A, B, C, D, E = ((0, n) for n in range(5))


def merged(*chains: list[Node], more: tuple[tuple[Node, Node], ...] = ()) -> tuple[list[Node], list[Node]]:
    merging = Merging()
    for chain in chains:
        merging.add(chain)
    for before, after in more:
        merging.precede(before, after)
    ordered, stuck = merging.order()
    again = merging.order()
    assert ([*again[0]], [*again[1]]) == ([*ordered], [*stuck])
    return [*ordered], [*stuck]


def test_nothing_has_an_order() -> None:
    assert merged() == ([], [])


def test_chains_are_kept_and_what_is_known_of_two_of_them_too() -> None:
    assert merged([A, B, C], [D, E], more=((E, B),)) == ([A, D, E, B, C], [])


def test_what_is_not_known_keeps_the_order_in_which_it_was_added() -> None:
    assert merged([C], [A], [B]) == ([C, A, B], [])


def test_what_was_only_named_as_before_or_after_is_there_too() -> None:
    assert merged(more=((B, A), (C, B))) == ([C, B, A], [])


def test_nothing_comes_before_itself() -> None:
    assert merged([A], more=((A, A),)) == ([A], [])


def test_what_is_said_twice_is_as_good_as_said_once() -> None:
    assert merged([A, B], [A, B], more=((A, B),)) == ([A, B], [])


@pytest.mark.parametrize(
    ("chains", "ordered", "stuck"),
    [
        ([[A, B], [B, A]], [A, B], [A]),
        ([[C], [A, B], [B, A], [B, D]], [C, A, B, D], [A]),
        ([[A, B, C], [C, B], [C, A]], [A, B, C], [A, B]),
        ([[A, B], [B, A], [C, D], [D, C]], [A, B, C, D], [A, C]),
        ([[A, B], [B, C], [C, B], [C, D], [D, E]], [A, B, C, D, E], [B]),
    ],
)
def test_what_contradicts_itself_is_told_and_all_are_put_in_order_once(
    chains: list[list[Node]], ordered: list[Node], stuck: list[Node]
) -> None:
    assert merged(*chains) == (ordered, stuck)
