"""For schemathesis: what JSON Schema can not say of the API, so that it is not asked for as if it were right."""

from typing import Any

import schemathesis


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """To JSON Schema 2.0 is an integer; to the contract it is none."""
    return _whole(body)


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Cursors are made by lists alone: what is to be right has none that was made up."""
    if case.meta is not None and case.meta.generation.mode.is_positive and case.query:
        case.query.pop("after", None)


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _whole(item) for name, item in value.items()}
        case list():
            return [_whole(item) for item in value]
        case _:
            return value
