"""Somebody who does not answer is asked once in a while, not every time."""

from python_app_template.core.delivery.circuit import Circuit


def test_all_are_let_through_while_answers_come() -> None:
    circuit = Circuit(1.0)
    assert circuit.lets_through(0)
    circuit.worked()
    assert circuit.lets_through(0)


def test_after_a_failure_nobody_is_let_through_until_the_rest_is_over() -> None:
    circuit = Circuit(1.0)
    circuit.failed(10)
    assert not circuit.lets_through(10)
    assert not circuit.lets_through(10.9)
    assert circuit.lets_through(11)


def test_then_one_tries_and_the_others_wait_for_what_comes_of_it() -> None:
    circuit = Circuit(1.0)
    circuit.failed(10)
    assert circuit.lets_through(11)
    assert not circuit.lets_through(11.5)
    circuit.worked()
    assert circuit.lets_through(11.5)


def test_one_whose_try_never_ended_does_not_keep_it_open_for_ever() -> None:
    circuit = Circuit(1.0)
    circuit.failed(10)
    assert circuit.lets_through(11)
    assert circuit.lets_through(12)
