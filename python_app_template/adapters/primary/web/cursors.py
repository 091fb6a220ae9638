"""Cursors of lists: the last key and the filter, in a form that nobody is to look into."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

import msgspec

from python_app_template.adapters.primary.web.problems import Fault, Problem, invalid

_decoder = msgspec.msgpack.Decoder(tuple[str, str, str | None])


def cursor(of: str, key: str, only: str | None = None) -> str:
    """Return the cursor behind this key of the list `of`, filtered by `only`."""
    return urlsafe_b64encode(msgspec.msgpack.encode((of, key, only))).decode().rstrip("=")


def behind(text: str | None, of: str, only: str | None = None) -> str | None:
    """Return the key that the list goes on behind. Raises Problem (422): none of this list's and filter's."""
    if text is None:
        return None
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        _, key, _ = _decoder.decode(raw)
        key.encode()
    except (Error, ValueError, UnicodeError, msgspec.DecodeError):
        raise _wrong("it is not one of ours") from None
    if cursor(of, key, only) != text:
        raise _wrong("it is of another list, or of another filter")
    return key


def _wrong(why: str) -> Problem:
    return invalid(Fault("#/after", f"Expected a cursor that this list gave: {why}"))
