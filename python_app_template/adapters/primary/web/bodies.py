"""JSON that people send, judged by the structs of the messages themselves, and more strictly: no unknown field."""

import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
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


async def json_body(request: Request[Any, Any, Any]) -> bytes:
    """Return the body of a request that says it is JSON, as long as it may be at most.

    To look at two of its headers, the framework makes a dictionary of all: with the rest a twentieth of a write's time.
    Raises Problem (415), and what the framework raises for one that is too large, or does not come in whole.
    """
    headers = dict(reversed([*request.scope["headers"]]))  # of several the first counts
    media = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Problem(415, "the body has to be application/json")
    most: Any = request.route_handler.resolve_request_max_body_size()
    if int(headers.get(b"content-length", 0)) > most:
        raise RequestEntityTooLarge
    body, more = b"", True
    while more:
        message: Any = await request.receive()
        if message["type"] == "http.disconnect":
            raise InternalServerException("client disconnected prematurely")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise RequestEntityTooLarge
    return body


class Judge:
    """Reads bodies. `parse` gives JSON's value or raises ValueError; `control` the path of a control character.

    `plain` tells of bytes that neither of them refuses if msgspec does not.
    """

    def __init__(
        self,
        parse: Callable[[bytes], object],
        control: Callable[[object], str | None],
        plain: Callable[[bytes], bool],
    ) -> None:
        self._parse, self._control, self._plain = parse, control, plain

    def read(self, body: bytes, struct: type[Struct] | None = None) -> object:
        """Return what the bytes say, as this struct if they fit it at first sight. Raises Problem (400): no JSON."""
        if struct is not None and self._plain(body):
            try:
                return _decoder(struct).decode(body)
            except ValueError:  # what is wrong, careful reading tells
                pass
        try:
            return self._parse(body)
        except ValueError as error:
            raise Problem(400, f"the body is no JSON: {error}", code="malformed_json") from error

    def fit(self, value: object, struct: type[S]) -> S:
        """Return the value as this struct. Raises Problem (422), which says where it does not fit."""
        if isinstance(value, struct):
            return value
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


@cache
def _decoder(struct: type[S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(struct)


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
