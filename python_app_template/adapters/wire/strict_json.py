"""JSON by the letter of RFC 8259, with the limits that the contract sets."""

import json
import re
from typing import Final, NoReturn

MAX_DEPTH: Final = 128
"""Objects and arrays in one another; a message of the contract has three. Well below any interpreter's own limit."""

_MAX_DIGITS: Final = 30
_LONE_SURROGATE: Final = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)")
_BRACKET: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|([\[{])|([\]}])')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def parse(value: bytes) -> object:
    """Return what the bytes say; of duplicate keys the last counts.

    Raise ValueError, with one line that says what is wrong, for what is not JSON in UTF-8, holds a lone surrogate
    (which UTF-8 can not carry), or is nested deeper than MAX_DEPTH.
    """
    text = value.decode()
    try:
        body: object = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nesting too deep") from None
    # Both look at the text: of a duplicate key the earlier value is no longer in the body. It is known to be JSON.
    if "\\u" in text and any(match[1] for match in _LONE_SURROGATE.finditer(text)):
        raise ValueError("a lone surrogate")
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise ValueError("nesting too deep")
    return body


def control_character(body: object, path: str = "$") -> str | None:
    """Return the path of the first string with a character of Unicode category Cc."""
    match body:
        case str():
            return path if _CONTROL.search(body) else None
        case dict():
            inside = [control_character(value, f"{path}.{key}") for key, value in body.items()]
        case list():
            inside = [control_character(value, f"{path}[{index}]") for index, value in enumerate(body)]
        case _:
            return None
    return next(filter(None, inside), None)


def _depth(text: str) -> int:
    deepest = depth = 0
    for match in _BRACKET.finditer(text):
        if match[1]:
            depth += 1
            deepest = max(deepest, depth)
        elif match[2]:
            depth -= 1
    return deepest


def _parse_int(digits: str) -> int:
    # Python refuses to read thousands of digits. A number as long as this is out of any range, cut or not.
    return int(digits[:_MAX_DIGITS])


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_parse_int)
"""`json.loads` would make one for each message."""
