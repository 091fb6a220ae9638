"""Being asked to stop in the middle of a call that can not say so."""

import signal
from contextlib import suppress

import pytest

from python_app_template.cli.signals import interruptible


def fail(*, interrupted: bool) -> None:
    """Raise what a binding makes of an interrupt that comes while it works, or of nothing at all."""
    with interruptible():
        if interrupted:
            with suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
        raise TypeError("not a unicode string")


def test_an_interrupt_that_a_binding_turned_into_a_type_error_is_one() -> None:
    with pytest.raises(KeyboardInterrupt):
        fail(interrupted=True)


def test_a_type_error_that_nobody_asked_for_is_a_bug() -> None:
    with pytest.raises(TypeError):
        fail(interrupted=False)
