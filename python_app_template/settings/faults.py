"""Wrong settings in words: a line for each fault, with its variable, what is wrong, what is allowed, and no secret."""

import difflib
import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from keyword import iskeyword
from typing import Any, get_args

from pydantic import BaseModel, ByteSize
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from python_app_template.settings.kinds import Allowed

LONGEST_VALUE = 80
LONGEST_WORDS = 600
"""Characters of what a validator says, which may quote the value."""


class SettingsError(Exception):
    """Settings are wrong. `lines` has one for each fault, without a secret."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(dict.fromkeys(lines))
        super().__init__("\n".join(self.lines))


def sections(cls: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The fields that hold fields instead of a value."""
    kinds = {name: field.annotation for name, field in cls.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def fields(cls: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every field with its place, that is its section's name and its own; those without a section first."""
    within = sections(cls)
    own = {name: field for name, field in cls.model_fields.items() if name not in within}
    yield from (((*above, field.alias or name), field) for name, field in own.items())
    for name, section in within.items():
        yield from fields(section, (*above, name))


def value_at(settings: BaseModel, path: Sequence[str]) -> object:
    """What stands in a place. A name that Python keeps for itself (`from`) has an underscore behind it here."""
    value: object = settings
    for name in path:
        value = getattr(value, f"{name}_" if iskeyword(name) else name)
    return value


def variable(path: Iterable[object]) -> str:
    """The environment's name for a place: APP_SECTION__NAME."""
    return "APP_" + "__".join(str(part).upper() for part in path)


def shown(value: object) -> str:
    """A value in the form that the environment takes; secrets masked, nothing for None."""
    match value:
        case None:
            return ""
        case dict():
            return json.dumps(value, default=str) if value else ""
        case frozenset():
            return ",".join(sorted(map(str, value)))
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def allowed(field: FieldInfo) -> str:
    """What a field takes, in words."""
    if said := [item.words for item in field.metadata if isinstance(item, Allowed)]:
        return said[-1]
    bounds = {
        name: getattr(item, name) for item in field.metadata for name in ("ge", "gt", "le") if hasattr(item, name)
    }
    if field.annotation is ByteSize:
        least, most = (ByteSize(bounds[name]).human_readable() for name in ("ge", "le"))
        return f"bytes, also such as 16MiB; {least} to {most}"
    if field.annotation in {int, float}:
        kind = "integer" if field.annotation is int else "number"
        lower = f"more than {bounds['gt']}, at most" if "gt" in bounds else f"{bounds['ge']} to"
        return f"{kind}, {lower} {bounds['le']}"
    return ", ".join(_literals(field.annotation)) or "text"


def _literals(annotation: Any) -> list[str]:
    arguments = get_args(annotation)
    return [word for item in arguments for word in ([item] if isinstance(item, str) else _literals(item))]


def keeps_secret(field: FieldInfo) -> bool:
    """Whether a field's value may hold a secret."""
    return any(word in repr(field.annotation) for word in ("Secret", "DatabaseUrl", "RedisUrl", "MailUrl"))


def unknown(name: str, origin: str, known: Iterable[str]) -> str:
    """Say that there is no such variable, and which one may have been meant."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f"{name} ({origin}): unknown; " + (f"did you mean {close[0]}?" if close else "docs/configuration.md has all")


def described(
    cls: type[BaseModel], errors: Iterable[ErrorDetails], origins: Mapping[str, str], told: Container[str] = ()
) -> Iterator[str]:
    """Put pydantic's findings in words; `origins` by variable. Of those in `told` enough was said."""
    known = dict(fields(cls))
    for error in errors:
        # The default of a field that follows from a wrong one is no fault of its own.
        if error["type"] == "default_factory_not_called":
            continue
        path = tuple(map(str, error["loc"][:2]))
        field = known.get(path) or known.get(path[:1])
        name = variable(path if path in known else path[:1] if field else path)
        if name in told:
            continue
        origin = origins.get(name, "default")
        if error["type"] == "extra_forbidden":
            yield unknown(name, origin, [*map(variable, known), *(variable((section,)) for section in sections(cls))])
        elif error["type"] == "value_error":
            yield from _worded(name, origin, field, str(error["ctx"]["error"]))
        elif field is None:
            yield f"{name}: a section, which takes no value; set {name}__..."
        else:
            yield f"{name} ({origin}): {_found(error['input'], field)} is not allowed; allowed: {allowed(field)}"


def _worded(name: str, origin: str, field: FieldInfo | None, text: str) -> Iterator[str]:
    for line in text.splitlines():
        # What a section finds between its fields names its variables itself.
        yield f"{name} ({origin}): {short(line, LONGEST_WORDS)}; allowed: {allowed(field)}" if field else line


def _found(value: object, field: FieldInfo) -> str:
    return "the value" if keeps_secret(field) else short(repr(value))


def short(text: str, most: int = LONGEST_VALUE) -> str:
    """One line of it, and of one that is longer the beginning."""
    text = re.sub(r"\s+", " ", text)
    return text if len(text) <= most else f"{text[:most]}..."
