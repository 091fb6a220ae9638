"""ETags: what was read, as a short name of its bytes (RFC 9110, 8.8.3 and 13.1.2)."""

import re
from hashlib import blake2b

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def etag(body: bytes) -> str:
    """Return the strong tag of a representation."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Tell whether the client has it already; compared weakly, as for `If-None-Match`."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
