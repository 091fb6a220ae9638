"""A pytest plugin for `make mutants`: quick tests go first, and property tests have fewer examples.

Most mutants die of the first test that fails, and there are thousands of them. Nobody reads the example that kills one:
it is not made smaller.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

EXAMPLES = 50
MEASURED = Path("mutmut-stats.json")
"""What mutmut noted when it ran the tests without any mutant; it runs them in the folder of the mutants."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them in order; cap what each test asks for itself: hypothesis has no option that would."""
    for item in items:
        test = getattr(item, "obj", None)
        test = getattr(test, "__func__", test)
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if own is not None:
            test._hypothesis_internal_use_settings = fewer(own)  # type: ignore[union-attr]  # noqa: SLF001
    seconds: dict[str, Any] = json.loads(MEASURED.read_text())["duration_by_test"] if MEASURED.exists() else {}
    items.sort(key=lambda item: seconds.get(item.nodeid, 0.0))


def fewer(own: settings) -> settings:
    """Return a test's own settings with an end to them."""
    return settings(own, max_examples=min(own.max_examples, EXAMPLES), phases=[Phase.explicit, Phase.generate])
