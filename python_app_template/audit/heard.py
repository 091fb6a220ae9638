"""The events as they were heard: decoded, numbered, in the partition of their SKU; and who caused which. Yours."""

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import Any

import msgspec

from python_app_template.audit.books import Event
from python_app_template.audit.cut import Scope
from python_app_template.audit.delivery import covered, envelope
from python_app_template.audit.evidence import Evidence, Place, Record, Violation
from python_app_template.audit.merging import Merging, Node

COMMON = {"type", "id", "sku", "version", "occurred_at", "cause"}
LINE = COMMON | {"order_id", "line", "qty"}
FIELDS = {
    "batch.created": COMMON | {"batch_ref", "qty", "eta"},
    "batch.quantity_changed": COMMON | {"batch_ref", "qty"},
    "line.allocated": LINE | {"batch_ref", "eta"},
    "line.deallocated": LINE | {"batch_ref", "reason"},
    "line.out_of_stock": LINE,
    "line.rejected": LINE | {"reason"},
}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z").fullmatch
TEXTS = ("id", "sku", "occurred_at", "order_id", "batch_ref")

decode = msgspec.json.Decoder().decode


class Heard:
    """All events of the cut.

    `by_cause` names their records by the message that led to them; `first` is a SKU's oldest version; `late` are the
    SKUs whose first events retention took. Orders that are `watched` can be asked after.
    """

    def __init__(self, evidence: Evidence, scope: Scope, watched: Container[str] = ()) -> None:
        self._evidence, self._scope, self._watched = evidence, scope, watched
        self._last: dict[str, dict[int, Node]] = {}
        self._placed: dict[str, set[Node]] = {}
        self._records = sorted(evidence.events, key=lambda record: record[:2])
        self._begins: dict[str, Node] = {}
        self._chains: dict[str, Node] = {}
        self._homes: dict[str, int] = {}
        self._rejected: dict[str, set[Node]] = {}
        self._runs: Counter[Node] = Counter()
        self.by_cause: dict[Node, list[int]] = {}
        self.first: dict[str, int] = {}
        self.versions: dict[str, int] = {}
        self.late: set[str] = set()
        self.count = 0

    def of(self, node: Node) -> list[Event]:
        """Return the events of a cause, a SKU's in their order."""
        return [decode(self._records[n].value or b"") for n in self.by_cause.get(node, ())]

    def last_before(self, cancelled: Place, order_id: str) -> set[Node]:
        """Return who caused the last event of each line of an order that is watched.

        Nobody, when the order was purged after this cancellation of it and came again: what of it came before, nothing
        tells then.
        """
        placed = self._placed.get(order_id, ())
        if len(placed) > 1 and not all(node[0] == cancelled[0] and node < cancelled for node in placed):
            return set()
        return {*self._last.get(order_id, {}).values()}

    def is_late(self, sku: str) -> bool:
        """Whether what is known of a SKU does not begin with its first event, because retention took that."""
        return sku in self.late or (sku not in self.first and self._evidence.event_log.truncated)

    def may_lack(self, sku: str) -> bool:
        """Whether retention may have taken what belongs to no version of a SKU that is known from its first one on."""
        return not self.is_late(sku) and self._evidence.event_log.start(self._homes.get(sku, 0)) > 0

    def hear(self, merging: Merging) -> Iterator[Violation]:
        """Go through all events; note in what order their causes were applied, and yield what is wrong with them."""
        partitions = self._evidence.event_log.partitions
        seen = self._evidence.cut.seen_events if self._evidence.cut else None
        for number, record in enumerate(self._records):
            body = event_of(record)
            if body is None:
                where = f"{record.partition}@{record.offset}"
                yield Violation(
                    "envelope", f"the record at {where} of the events is none: {(record.value or b'')[:80]!r}"
                )
                continue
            place = body["cause"]["partition"], body["cause"]["offset"]
            if self._scope.is_later(place, record, seen):
                continue
            yield from covered(self._evidence, self._scope, place, body["id"])
            self.count += 1
            yield from envelope(record, body, partitions)
            yield from self._number(body, record)
            node = self._chained(body, place, merging)
            self.by_cause.setdefault(node, []).append(number)
            if body.get("order_id") in self._watched:
                self._watch(body, node)
        for sku, nodes in self._rejected.items():
            if sku in self._begins and sku not in self.late:
                for node in nodes:
                    merging.precede(node, self._begins[sku])

    def _watch(self, body: Event, node: Node) -> None:
        last = self._last.setdefault(body["order_id"], {})
        if body["type"] != "line.deallocated" and last.get(body["line"]) != node:  # else it was moved by a change
            self._placed.setdefault(body["order_id"], set()).add(node)
        last[body["line"]] = node

    def _number(self, body: Event, record: Record) -> Iterator[Violation]:
        """1, 2, 3, … in the order of one partition; what belongs to no known SKU has version 0."""
        sku, version = body["sku"], body["version"]
        if body["type"] == "line.rejected":
            if version != 0 or body["id"] != f"{body['order_id']}/{body['line']}/rejected":
                yield Violation("version", f"{body['id']}: a rejected line with version {version}")
            return
        home = self._homes.setdefault(sku, record.partition)
        if home != record.partition and record.offset < 1 << 62:
            yield Violation("partition", f"{body['id']} is in partition {record.partition}, what came before in {home}")
        if body["id"] != f"{sku}/{version}":
            yield Violation("version", f"{body['id']} is version {version} of {sku}")
        due = self.versions.get(sku, 0) + 1
        if sku not in self.first:
            self.first[sku] = version
            if version > 1 and self._evidence.event_log.start(record.partition):
                self.late.add(sku)
                due = version
        if version < due:
            yield Violation("version", f"{body['id']} comes after {sku}/{due - 1}: doubled, or out of order")
        elif version > due:
            yield Violation("version", f"{body['id']} comes after {sku}/{due - 1}: {version - due} missing")
        self.versions[sku] = max(version, due - 1)

    def _chained(self, body: Event, place: Place, merging: Merging) -> Node:
        """Note who came before; return the node that stands for this application of the cause."""
        sku, before = body["sku"], self._chains.get(body["sku"])
        if body["type"] == "line.rejected":
            self._rejected.setdefault(sku, set()).add(place)
            merging.add([place])
            return place
        node: Node = place
        if self._scope.times(place) > 1:  # each time it was applied is a node of its own
            if before is None or before[:2] != place:
                self._runs[place] += 1
            node = (*place, self._runs[place])
        if before is None:
            self._begins[sku] = node
            merging.add([node])
        else:
            merging.precede(before, node)
        self._chains[sku] = node
        return node


def event_of(record: Record) -> Any:
    """Return an event's object; None for what is none."""
    try:
        body = decode(record.value or b"")
        missing = FIELDS[body["type"]] - body.keys()
        cause = body["cause"]
        numbers = body["version"], cause["partition"], cause["offset"], body["qty"]
        well = not missing and all(type(n) is int for n in numbers)
        well = well and all(isinstance(body.get(name, ""), str) for name in TEXTS)
        well = well and INSTANT(body["occurred_at"]) is not None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return body if well else None


def sorted_events(events: Sequence[Event]) -> dict[str, list[Event]]:
    """Return events by SKU."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event["sku"], []).append(event)
    return found
