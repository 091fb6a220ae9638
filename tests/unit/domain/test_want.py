"""What a batch of commands may look at, named beforehand."""

from python_app_template.core.domain.commands import Command
from python_app_template.core.domain.stock import NO_LINE, Wanted
from python_app_template.core.use_cases.handlers import want
from tests.unit.domain.builders import batch, cancel, change, order


def test_nothing_wants_nothing() -> None:
    assert want([]) == Wanted()


def test_an_id_is_claimed_by_the_first_that_names_it() -> None:
    first, second = order("o", ("LAMP", 1)), order("o", ("LAMP", 2))
    created, again = batch("b", qty=1), batch("b", qty=2)
    wanted = want([first, second, created, again])
    assert (wanted.placed["o"], wanted.created["b"]) == (first, created)


def test_a_sku_is_wanted_with_the_smallest_quantity_that_a_line_asks_for() -> None:
    wanted = want([order("a", ("LAMP", 3), ("CHAIR", 9)), order("b", ("LAMP", 2)), order("c", ("LAMP", 4))])
    assert wanted.skus == {"LAMP": 2, "CHAIR": 9}


def test_a_created_batch_wants_its_sku_and_none_of_its_batches() -> None:
    assert want([batch(sku="LAMP")]).skus == {"LAMP": NO_LINE}
    assert want([batch(sku="LAMP"), order("o", ("LAMP", 3))]).skus == {"LAMP": 3}
    assert want([order("o", ("LAMP", 3)), batch(sku="LAMP")]).skus == {"LAMP": 3}


def test_a_changed_batch_is_wanted_with_the_smallest_quantity_asked_for() -> None:
    assert want([change("b", 5), change("c", 7), change("b", 3), change("b", 9)]).changed == {"b": 3, "c": 7}


def test_cancelled_orders_are_wanted_apart_from_placed_ones() -> None:
    commands: list[Command] = [cancel("a"), order("b"), cancel("b")]
    wanted = want(commands)
    assert wanted.cancelled == {"a", "b"}
    assert [*wanted.placed] == ["b"]
