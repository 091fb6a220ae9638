"""What is out of stock, read from values of `allocations`. YOURS."""

from datetime import datetime
from typing import Final

import msgspec

from python_app_template.adapters.wire.events import LineOutOfStock
from python_app_template.core.domain.shortages import Shortage

_MARK: Final = b'"line.out_of_stock"'
_DECODE: Final = msgspec.json.Decoder(LineOutOfStock).decode


def shortage(value: bytes) -> Shortage | None:
    """Return what the event says; None: it is about something else, or none of this service's events."""
    if _MARK not in value:  # most are not, and this is quicker than to look what they are
        return None
    try:
        event = _DECODE(value)
        occurred_at = datetime.fromisoformat(event.occurred_at)
    except ValueError:
        return None
    if "\0" in event.sku + event.order_id or occurred_at.tzinfo is None:  # the database takes no such text
        return None
    return Shortage(event.sku, event.order_id, event.line, event.qty, occurred_at)
