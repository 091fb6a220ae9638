"""What a message is, contract, sections 2 and 5: written again, without the service's decoder. Yours."""

import json
import re
import unicodedata
from datetime import date
from typing import Any

DEPTH = 128
MICROSECOND = 1_000_000
TYPES = {"order.placed", "order.cancelled", "batch.created", "batch.quantity_changed"}


class DeadLetterError(Exception):
    """Ends the judgement of a message with its reason."""


class Pairs(list[tuple[str, Any]]):
    """An object as it is written, duplicate keys and all."""


def parse(value: bytes | None) -> Any:
    """Raise DeadLetterError: `empty` or `undecodable`."""
    if value is None:
        raise DeadLetterError("empty")
    try:
        text = value.decode("utf-8", "strict")
        tree = json.loads(
            text,
            object_pairs_hook=Pairs,
            parse_constant=refuse,
            parse_int=lambda digits: int(digits[:20]),
        )
        return plain(tree, 0)
    except (ValueError, RecursionError) as error:
        raise DeadLetterError("undecodable") from error


def plain(tree: Any, depth: int) -> Any:
    """Return the tree with dictionaries; of duplicate keys the last counts. Raise ValueError."""
    if isinstance(tree, str):
        tree.encode("utf-8")  # a lone surrogate has no UTF-8
    if isinstance(tree, list):
        if depth == DEPTH:
            raise ValueError("too deep")
        if isinstance(tree, Pairs):
            return {plain(key, depth + 1): plain(value, depth + 1) for key, value in tree}
        return [plain(value, depth + 1) for value in tree]
    return tree


def refuse(constant: str) -> None:
    """Take no NaN, no Infinity."""
    raise ValueError(constant)


def known_type(body: Any) -> str:
    """Raise DeadLetterError: `invalid` or `unknown_type`."""
    require(isinstance(body, dict) and isinstance(body.get("type"), str))
    name: str = body["type"]
    if name not in TYPES:
        raise DeadLetterError("unknown_type")
    return name


def check(body: dict[str, Any]) -> None:
    """Raise DeadLetterError: `invalid`."""
    match body["type"]:
        case "order.placed":
            identifiers(body, "order_id")
            require(body.get("customer_id") is None or identifier(body["customer_id"]))
            require(body.get("placed_at") is None or microseconds(body["placed_at"]) is not None)
            lines = body.get("lines")
            require(isinstance(lines, list) and 1 <= len(lines) <= 100)
            for line in body["lines"]:
                require(isinstance(line, dict))
                identifiers(line, "sku")
                quantity(line, 1, 1_000_000)
        case "order.cancelled":
            identifiers(body, "order_id")
        case "batch.created":
            identifiers(body, "batch_ref", "sku")
            quantity(body, 0, 1_000_000_000)
            require(body.get("eta") is None or is_date(body["eta"]))
        case "batch.quantity_changed":
            identifiers(body, "batch_ref")
            quantity(body, 0, 1_000_000_000)


def require(truth: object) -> None:
    """Raise DeadLetterError: `invalid`."""
    if not truth:
        raise DeadLetterError("invalid")


def identifiers(body: dict[str, Any], *names: str) -> None:
    """Require that these fields are there, each a name."""
    for name in names:
        require(identifier(body.get(name)))


def identifier(value: object) -> bool:
    """Whether it is 1 to 64 characters without a control character."""
    return isinstance(value, str) and 1 <= len(value) <= 64 and all(unicodedata.category(c) != "Cc" for c in value)


def quantity(body: dict[str, Any], least: int, most: int) -> None:
    """Require a JSON integer between these."""
    require(type(body.get("qty")) is int and least <= body["qty"] <= most)


def is_date(value: object) -> bool:
    """Whether it is YYYY-MM-DD, and there is such a day."""
    if not isinstance(value, str) or not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


INSTANT = re.compile(
    "([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})([.][0-9]+)?([Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def microseconds(value: object) -> int | None:
    """Count from the first day of year 1, in UTC; None for what is no instant of the years 1 to 9999."""
    match = INSTANT.fullmatch(value) if isinstance(value, str) else None
    if not match or not is_date(match[1]):
        return None
    hour, minute, second = int(match[2]), int(match[3]), int(match[4])
    away_hours, away_minutes = int(match[8] or 0), int(match[9] or 0)
    if hour > 23 or minute > 59 or second > 60 or away_hours > 23 or away_minutes > 59:
        return None
    ahead = (away_hours * 60 + away_minutes) * (-1 if match[7] == "-" else 1)
    days = date.fromisoformat(match[1]).toordinal()
    seconds = days * 86_400 + (hour * 60 + minute - ahead) * 60 + second
    if not date.min.toordinal() * 86_400 <= seconds < (date.max.toordinal() + 1) * 86_400:
        return None
    if second == 60 and not ends_half_a_year(seconds):
        return None
    return seconds * MICROSECOND + int(f"{(match[5] or '.')[1:7]:0<6}")


def ends_half_a_year(following: int) -> bool:
    """A leap second is the last of June or of December; here is the second after it."""
    days, rest = divmod(following, 86_400)
    after = date.fromordinal(days)
    return rest == 0 and (after.month, after.day) in {(1, 1), (7, 1)}
