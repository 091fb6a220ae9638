"""Names in paths and queries: decoded in one place, strictly."""

import re
from collections.abc import Collection, Mapping
from math import isfinite
from urllib.parse import unquote_to_bytes

from python_app_template.adapters.primary.web.problems import Fault, Problem, invalid

_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def decoded(segment: str) -> str:
    """Return what a segment of the raw path says; `+` is a plus. Raises Problem (400): it says nothing."""
    if _BAD_PERCENT.search(segment):
        raise Problem(400, "a percent sign in the path is not followed by two hexadecimal digits")
    try:
        return unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise Problem(400, "the path is not UTF-8") from None


def query(raw: bytes, allowed: Collection[str]) -> Mapping[str, str]:
    """Return the parameters. Raises Problem: 400 for what can't be read, 422 for what is unknown or there twice."""
    given: dict[str, str] = {}
    for pair in raw.decode("latin-1").split("&") if raw else ():
        name, _, value = (_query_text(part) for part in pair.partition("="))
        if name not in allowed:
            raise invalid(Fault("#", f"unknown parameter {name!r}; known: {', '.join(sorted(allowed)) or 'none'}"))
        if name in given:
            raise invalid(Fault(f"#/{name}", f"the parameter {name!r} is there twice"))
        given[name] = value
    return given


def _query_text(part: str) -> str:
    if _BAD_PERCENT.search(part):
        raise Problem(400, "a percent sign in the query is not followed by two hexadecimal digits")
    try:
        return unquote_to_bytes(part.replace("+", " ").encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise Problem(400, "the query is not UTF-8") from None


_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,400})?([eE][+-]?\d{1,4})?", re.ASCII)


def number(given: Mapping[str, str], name: str, least: float, most: float, default: float) -> float:
    """Return a parameter that is a number. Raises Problem (422)."""
    text = given.get(name)
    if text is None:
        return default
    value = float(text) if _NUMBER.fullmatch(text) else float("nan")
    if not isfinite(value) or not least <= value <= most:
        raise invalid(Fault(f"#/{name}", f"Expected a number from {least:g} to {most:g}"))
    return value


def whole(given: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    """Return a parameter that is an integer. Raises Problem (422)."""
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):  # noqa: PLR2004
        raise invalid(Fault(f"#/{name}", f"Expected an integer from {least} to {most}"))
    return int(text)
