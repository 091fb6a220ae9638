"""JSON that people send, judged by the structs of the messages themselves, and more strictly: no unknown field."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct

from python_app_template.adapters.primary.web.problems import Fault, Problem, invalid

S = TypeVar("S", bound=Struct)

_PATH: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_FIELD: Final = re.compile(r"field `(.*)`")


def strict(
    message: type[Struct], name: str, *, without: Collection[str] = (), optional: Collection[str] = ()
) -> type[Struct]:
    """Return the struct of a body: the message's fields and rules, and nothing beside them.

    `without` are fields that the path gives, `optional` those that the service chooses when they are not there.
    """
    fields: list[Any] = []
    for field in msgspec.structs.fields(message):
        if field.name in without:
            continue
        kind = _strict_type(field.type)
        if field.name in optional:
            fields.append((field.name, kind | None, None))
        elif field.default is not NODEFAULT:
            fields.append((field.name, kind, field.default))
        else:
            fields.append((field.name, kind))
    return msgspec.defstruct(
        name, fields, forbid_unknown_fields=True, kw_only=True, namespace={"__doc__": message.__doc__}
    )


def _strict_type(kind: Any) -> Any:
    """Replace the structs in a type by strict ones."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return strict(kind, kind.__name__)
    origin, parts = get_origin(kind), get_args(kind)
    if not parts:
        return kind
    if origin is Annotated:
        return Annotated[(_strict_type(parts[0]), *parts[1:])]
    if origin is list:
        return list[_strict_type(parts[0])]  # type: ignore[misc] # made at run time
    return Union[tuple(map(_strict_type, parts))]  # noqa: UP007 - likewise


class Judge:
    """Reads bodies. `parse` gives JSON's value or raises ValueError; `control` the path of a control character."""

    def __init__(self, parse: Callable[[bytes], object], control: Callable[[object], str | None]) -> None:
        self._parse, self._control = parse, control

    def read(self, body: bytes) -> object:
        """Return what the bytes say. Raises Problem (400): they are no JSON."""
        try:
            return self._parse(body)
        except ValueError as error:
            raise Problem(400, f"the body is no JSON: {error}", code="malformed_json") from error

    def fit(self, value: object, struct: type[S]) -> S:
        """Return the value as this struct. Raises Problem (422), which says where it does not fit."""
        try:
            fitting = msgspec.convert(value, struct)
        except msgspec.ValidationError as error:
            raise invalid(fault(error)) from error
        if where := self._control(value):
            raise invalid(Fault(pointer(where), "Expected `str` without control characters".replace("`", "")))
        return fitting

    def name(self, text: str, kind: Any, field: str) -> str:
        """Return an id of a path or a query, if the rules for `kind` allow it. Raises Problem (422)."""
        try:
            msgspec.convert(text, kind)
        except msgspec.ValidationError as error:
            raise invalid(Fault(f"#/{field}", fault(error).detail)) from error
        if self._control(text):
            raise invalid(Fault(f"#/{field}", "Expected str without control characters"))
        return text


def fault(error: Exception) -> Fault:
    """Return where and what: msgspec writes "Expected `int` >= 1 - at `$.lines[0].qty`"."""
    what, _, path = str(error).partition(" - at ")
    where = pointer(path.strip("`") or "$")
    if (field := _FIELD.search(what)) and ("unknown" in what or "missing" in what):
        where = f"{where.rstrip('/')}/{_escaped(field[1])}"
    return Fault(where, what.replace("`", ""))


def pointer(path: str) -> str:
    """Return msgspec's path as a JSON Pointer in a fragment: `$.lines[0].qty` is `#/lines/0/qty`."""
    return "#" + "".join(f"/{_escaped(part)}" for part in _parts(path))


def _parts(path: str) -> Iterator[str]:
    for match in _PATH.finditer(path):
        yield match[1] if match[1] is not None else match[2]


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
