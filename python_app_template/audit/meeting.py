"""Messages of one id that came by several partitions: what became of them tells which was first. Yours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from python_app_template.audit.evidence import Place, Record
from python_app_template.audit.heard import Heard
from python_app_template.audit.merging import Merging

Id: TypeAlias = tuple[str, str]
"""`order` or `batch`, and its id."""

SEVERAL = -1
FIRST = {"order.placed", "batch.created"}


class Glance(msgspec.Struct):
    """As much of a message as it takes to see what it is about."""

    type: Any = None
    order_id: Any = None
    batch_ref: Any = None


_glance = msgspec.json.Decoder(Glance).decode


@dataclass(slots=True)
class Met:
    """The messages about one id."""

    first: list[Place] = field(default_factory=list)
    """What would make it known."""
    later: list[Place] = field(default_factory=list)


def glance(value: bytes | None) -> tuple[str, Id] | None:
    """Return a message's type and id; None for one that has none."""
    try:
        found = _glance(value or b"")
    except (ValueError, RecursionError):
        return None
    match found.type, found.order_id, found.batch_ref:
        case (("order.placed" | "order.cancelled"), str(ref), _):
            return found.type, ("order", ref)
        case (("batch.created" | "batch.quantity_changed"), _, str(ref)):
            return found.type, ("batch", ref)
    return None


class Meetings:
    """Ids that came by several partitions (as a rule none did: an id's messages share their key), and cancellations."""

    def __init__(self, applied: Mapping[int, Sequence[Record]]) -> None:
        homes: dict[Id, int] = {}
        self.cancellations: dict[str, list[Place]] = {}
        for about, name, place in _abouts(applied):
            if homes.setdefault(about, place[0]) != place[0]:
                homes[about] = SEVERAL
            if name == "order.cancelled":
                self.cancellations.setdefault(about[1], []).append(place)
        self._met = {about: Met() for about, home in homes.items() if home == SEVERAL}
        if self._met:
            for about, name, place in _abouts(applied):
                if (group := self._met.get(about)) is not None:
                    (group.first if name in FIRST else group.later).append(place)

    def arrange(
        self, heard: Heard, reasons: Mapping[Place, Sequence[str]], merging: Merging, *, is_silent: bool = False
    ) -> set[Place]:
        """Note what follows from what became of them; return those of which nothing tells when they came.

        A message that was applied made the id known, before all that found it known and after all that did not. A
        cancellation came after whatever else happened to the order's lines: nothing does afterwards. When
        retention took dead letters (`is_silent`), what led to no event may have been one: then that tells nothing.
        """
        untold: set[Place] = set()
        for about, group in self._met.items():
            first = next((place for place in group.first if heard.by_cause.get(place)), None)
            if first is not None:
                _around(first, group, reasons, merging, heard if is_silent else None)
            if about[0] == "batch":
                untold.update(p for p in group.later if not reasons.get(p) and not heard.by_cause.get(p))
        for order_id, places in self.cancellations.items():
            for place in places:
                if heard.by_cause.get(place) or not (is_silent or reasons.get(place)):
                    for before in heard.last_before(place, order_id):
                        merging.precede(before, place)
        return untold


def _around(
    first: Place, group: Met, reasons: Mapping[Place, Sequence[str]], merging: Merging, silent: Heard | None
) -> None:
    """Put the others before the first or after it. What is invalid, or failed, may have come at any time."""
    for place in group.first:
        if "conflict" in reasons.get(place, ("conflict",) if silent is None else ()):
            merging.precede(first, place)
    for place in group.later:
        said = reasons.get(place, ())
        if "unknown_order" in said or "unknown_batch" in said:
            merging.precede(place, first)
        elif not said and (silent is None or silent.by_cause.get(place)):
            merging.precede(first, place)


def _abouts(applied: Mapping[int, Sequence[Record]]) -> Iterator[tuple[Id, str, Place]]:
    for messages in applied.values():
        for message in messages:
            if (seen := glance(message.value)) is not None:
                yield seen[1], seen[0], (message.partition, message.offset)
