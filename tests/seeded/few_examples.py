"""A pytest plugin for `make mutants`: property tests with fewer examples, as they run for thousands of mutants."""

import pytest
from hypothesis import settings

EXAMPLES = 50


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cap what each test asks for itself; hypothesis has no option that would."""
    for item in items:
        test = getattr(item, "obj", None)
        test = getattr(test, "__func__", test)
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if own is not None and own.max_examples > EXAMPLES:
            test._hypothesis_internal_use_settings = settings(own, max_examples=EXAMPLES)  # type: ignore[union-attr]  # noqa: SLF001
