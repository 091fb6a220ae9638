"""Which dead letters are meant, as the command line says it."""

import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import wraps
from inspect import Signature, signature
from typing import Annotated, Any, NamedTuple

import typer

from python_app_template.core.delivery.returning import Place, Selection

OFFSETS = re.compile(r"(\d{1,18})(-(\d{1,18})?)?", re.ASCII)
PLACE = re.compile(r"(\d{1,9}):(\d{1,18})", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Offsets(NamedTuple):
    """Both included; `last` None: to the end."""

    first: int
    last: int | None


def offsets(given: str) -> Offsets:
    """Read 1041, 1000-2000 or 1000-. Raises BadParameter."""
    found = OFFSETS.fullmatch(given)
    if found is None:
        raise typer.BadParameter(f"{given!r} is neither an offset nor a range of them (1041, 1000-2000, 1000-)")
    first, dash, last = found.groups()
    return Offsets(int(first), int(last) if last else None if dash else int(first))


def place(given: str) -> Place:
    """Read PARTITION:OFFSET. Raises BadParameter."""
    found = PLACE.fullmatch(given)
    if found is None:
        raise typer.BadParameter(f"{given!r} is not PARTITION:OFFSET, for instance 0:17")
    return Place(int(found[1]), int(found[2]))


def milliseconds(given: str) -> int:
    """Read an instant (RFC 3339, with its offset) or a date (its beginning in UTC). Raises BadParameter."""
    try:
        if DATE.fullmatch(given):
            instant = datetime.combine(date.fromisoformat(given), datetime.min.time(), UTC)
        else:
            instant = datetime.fromisoformat(given)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise typer.BadParameter(
            f"{given!r} is neither a date nor an instant with its offset (2026-11-20, 2026-11-20T20:00:00Z)"
        )
    return round(instant.timestamp() * 1000)


Reasons = Annotated[
    list[str] | None, typer.Option("--reason", metavar="REASON", help="Of this reason; may be repeated.")
]
Since = Annotated[
    int | None,
    typer.Option(
        "--since", parser=milliseconds, metavar="TIME", help="Dead-lettered then or later: RFC 3339, or a date (UTC)."
    ),
]
Until = Annotated[int | None, typer.Option("--until", parser=milliseconds, metavar="TIME", help="And before that.")]
OriginPartition = Annotated[
    int | None, typer.Option("--partition", min=0, help="Received from this partition of the input topic.")
]
OriginOffsets = Annotated[
    Offsets | None,
    typer.Option(
        "--offset", parser=offsets, metavar="FIRST-LAST", help="And at one of these offsets there, both included."
    ),
]
Keys = Annotated[list[str] | None, typer.Option("--key", help="With this key; may be repeated.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="So many at the most.")]


def selection(
    *,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    partition: OriginPartition = None,
    offset: OriginOffsets = None,
    key: Keys = None,
) -> Selection:
    """Return the options as what they select."""
    return Selection(
        reasons=frozenset(reason) if reason else None,
        keys=frozenset(map(os.fsencode, key)) if key else None,
        since=since,
        until=until,
        partition=partition,
        first=offset.first if offset else None,
        last=offset.last if offset else None,
    )


def selecting(run: Callable[..., None]) -> Callable[..., None]:
    """Give a command those options in place of its parameter `wanted`, which gets what they select."""
    options = [*signature(selection).parameters.values()]

    @wraps(run)
    def selected(**given: Any) -> None:
        chosen = {option.name: given.pop(option.name) for option in options}
        run(**given, wanted=selection(**chosen))

    own = signature(run).parameters.values()
    together = [new for one in own for new in (options if one.name == "wanted" else [one])]
    # typer looks at both.
    selected.__signature__ = Signature(together)  # type: ignore[attr-defined]
    selected.__annotations__ = {parameter.name: parameter.annotation for parameter in together}
    return selected
