"""Which key a message goes under: an order's share `order_id`, a batch's share `batch_ref` (contract, section 1)."""

from typing import TypeAlias

from python_app_template.adapters.wire.strict_json import parse

Keyed: TypeAlias = tuple[bytes | None, bytes]
"""A message with its key."""


def keyed(line: bytes) -> Keyed:
    """Return a line's key, and the message without the line's end. Raises ValueError for what is no JSON object."""
    value = line.rstrip(b"\r\n")
    if not value.strip():
        raise ValueError("it is empty")
    body = parse(value)
    if not isinstance(body, dict):
        raise ValueError(f"it is {'null' if body is None else f'a {type(body).__name__}'}")  # noqa: TRY004 - as parse
    names = ["order_id", "batch_ref"]
    if str(body.get("type")).startswith("batch."):  # a field that its type does not have is no key
        names.reverse()
    key = next((body[name] for name in names if isinstance(body.get(name), str)), None)
    return None if key is None else key.encode(), value
