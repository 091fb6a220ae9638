"""Keeps to itself what the mail server of these tests leaves open."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _leaves_nothing_to_the_next_test() -> Iterator[None]:
    """Collect garbage here: aiosmtpd ends its loop, not its connections, and a later test would be blamed for them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()
