"""Records of `allocations` as subscribers hear them. YOURS."""

from typing import Final

import msgspec

from python_app_template.adapters.primary.broadcast import Numbered
from python_app_template.adapters.wire.events import Body

_decode: Final = msgspec.json.Decoder(Body).decode


def decode(value: bytes) -> Numbered[Body] | None:
    """Return the event; None for one that this version does not know: of a SKU's, it shows as a gap."""
    try:
        body: Body = _decode(value)
    except msgspec.DecodeError:
        return None
    return Numbered(body.sku, body.version, body)
