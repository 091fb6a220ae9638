"""What came of each message against what the contract says comes of it, as the books stand at its turn. Yours."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from python_app_template.audit.books import Event, Order
from python_app_template.audit.delivery import named
from python_app_template.audit.evidence import Evidence, Place, Record, Violation
from python_app_template.audit.heard import Heard, sorted_events
from python_app_template.audit.merging import Node
from python_app_template.audit.messages import parse
from python_app_template.audit.model import Model, Outcome, Received, content_of

STATEFUL = {"conflict", "unknown_order", "unknown_batch"}
"""Reasons that hang on what came before."""


class Judgement:
    """Goes through the messages in the order in which they were applied.

    The books follow what was said of them, right or wrong, so that one mistake is told once. `unchecked` counts why
    some could not be judged.
    """

    def __init__(self, evidence: Evidence, heard: Heard, reasons: Mapping[Place, Sequence[str]]) -> None:
        self.books = Model(evidence.topic)
        self.unchecked: Counter[str] = Counter()
        self._evidence, self._heard, self._reasons = evidence, heard, reasons
        logs = evidence.message_log, evidence.event_log, evidence.dead_letter_log
        self._is_truncated = any(log.truncated for log in logs)

    def judge(self, message: Record, *, is_told: bool) -> Iterator[Violation]:
        """Judge a message that was applied once. `is_told`: it is known when it came."""
        place = message.partition, message.offset
        outcome, body = self.books.judge(Received(*place, message.value))
        events, reasons = self._heard.of(place), self._reasons.get(place, ())
        about = parse(message.value) if outcome.reason == "conflict" else body
        if self._may_be_forgotten(about):
            self.unchecked["messages about orders that may have been purged"] += 1
            if events and about["type"] == "order.placed":  # a new one, of whatever content
                self.books.orders[about["order_id"]] = Order()
            yield from self.enter(events)
            if not reasons:
                self._note(outcome, about, events)
            return
        if "failed" in reasons:
            if events:
                yield self._wrong("dead letter", place, outcome, f"failed, and led to {events[0]['id']}")
        elif not is_told:
            self.unchecked["changes of a batch that came by several partitions"] += 1
        elif self._is_doubtful(outcome, about, events):
            self.unchecked["messages about what retention took"] += 1
        else:
            yield from self._dead_letter(place, outcome, reasons)
            yield from self._events(place, outcome, events)
        yield from self.enter(events)
        if about is not None and not reasons:
            self._note(outcome, about, events)

    def enter(self, events: Sequence[Event]) -> Iterator[Violation]:
        """Enter what was said, and look whether that is possible."""
        touched = set()
        for event in events:
            is_late = self._heard.is_late(event["sku"])
            for wrong in self.books.enter(event):
                if not is_late:
                    yield Violation("line" if "line" in event else "batch", f"{event['id']}: {wrong}")
            if event.get("batch_ref") in self.books.batches and not is_late:
                touched.add(event["batch_ref"])
        for ref in sorted(touched):
            batch = self.books.batches[ref]
            if batch.allocated > batch.purchased:
                of = f"{batch.allocated} of {batch.purchased} units of {ref} are allocated"
                yield Violation("over-allocation", f"after {events[-1]['id']}: {of}")

    def _is_doubtful(self, outcome: Outcome, body: Any, events: Sequence[Event]) -> bool:
        """Whether what it says depends on something of which only retention knew."""
        if self._is_truncated and (not events or outcome.reason in STATEFUL):
            return outcome.reason is None or outcome.reason in STATEFUL
        if not body or body["type"] != "order.placed":
            return False
        order = self.books.orders.get(body["order_id"])
        return order is not None and order.content is None

    def _may_be_forgotten(self, body: Any) -> bool:
        """Whether it is about an order that is known and done with, where such orders are purged."""
        if self._evidence.cut is None or not self._evidence.cut.purged or not body:
            return False
        order = self.books.orders.get(body.get("order_id", ""))
        return order is not None and all(line.batch_ref is None for line in order.lines.values())

    def _dead_letter(self, place: Place, outcome: Outcome, reasons: Sequence[str]) -> Iterator[Violation]:
        due = [outcome.reason] if outcome.reason else []
        found = sorted({*reasons})
        if found == due or (due and not found and self._evidence.dead_letter_log.truncated):
            return
        if not found:
            yield self._wrong("dead letter", place, outcome, f"is none, and has to be one: {due[0]}")
        elif not due:
            yield self._wrong("dead letter", place, outcome, f"is one ({', '.join(found)}), and can be applied")
        else:
            yield self._wrong("dead letter", place, outcome, f"is one for {', '.join(found)}, and not for {due[0]}")

    def _events(self, place: Place, outcome: Outcome, events: Sequence[Event]) -> Iterator[Violation]:
        wanted = outcome.events
        if self._evidence.event_log.truncated:  # rejected lines stand before a SKU's first version: they go before it
            ids = {event["id"] for event in events}
            wanted = [event for event in wanted if event["version"] or event["id"] in ids]
        found, due = sorted_events(events), sorted_events(wanted)
        for sku in sorted({*found, *due}):
            if sku not in found and self._heard.may_lack(sku):  # it may have been rejected before the SKU was known
                self.unchecked["orders whose rejected lines retention may have taken"] += 1
            elif not self._heard.is_late(sku):
                yield from self._events_of(place, outcome, due.get(sku, []), found.get(sku, []))
            else:
                self.unchecked["decisions about SKUs whose first events retention took"] += 1

    def _events_of(
        self, place: Place, outcome: Outcome, due: Sequence[Event], found: Sequence[Event]
    ) -> Iterator[Violation]:
        """Tell the first difference."""
        if len(found) < len(due):
            heard = {subject(event) for event in found}
            missing = next((event for event in due if subject(event) not in heard), due[-1])
            yield self._wrong("lost", place, outcome, f"{missing['type']} is missing: {told(missing)}")
            return
        for wanted, event in zip(due, found, strict=False):
            if names := [name for name in wanted if event.get(name) != wanted[name]]:
                yield self._differs(place, outcome, wanted, event, names)
                return
        if len(found) > len(due):
            why = "had been applied before" if outcome.duplicate else "has no more to say"
            yield self._wrong("doubled", place, outcome, f"led to {found[len(due)]['id']}, and {why}")

    def _differs(self, place: Place, outcome: Outcome, due: Event, found: Event, names: Sequence[str]) -> Violation:
        kind = "event"
        if {"type", "batch_ref"} & {*names} and "line" in due:
            kind = "allocation"
        elif {*names} <= {"version", "id"}:
            kind = "version"
        return self._wrong(kind, place, outcome, f"{told(found)} where {told(due)} is due")

    def _note(self, outcome: Outcome, body: Any, events: Sequence[Event]) -> None:
        match body["type"]:
            case "order.placed":
                order = self.books.orders.setdefault(body["order_id"], Order())
                if events and order.content is None:
                    order.content = content_of(body)
            case "order.cancelled" if not outcome.duplicate:
                self.books.note(body)

    def _wrong(self, kind: str, place: Place, outcome: Outcome, what: str) -> Violation:
        return Violation(kind, f"{named(self._evidence.topic, place)} ({outcome.type}) {what}")


def told(event: Event) -> str:
    """Return what an event says, in a few words."""
    about = [f"{event['order_id']} line {event['line']}"] if "line" in event else []
    about += [f"{event['qty']} units"] + ([f"of {event['batch_ref']}"] if event.get("batch_ref") else [])
    return f"{event['id']} {event['type']} ({', '.join(about)})"


def subject(event: Event) -> tuple[Any, ...]:
    """Return what an event is about, whatever its number."""
    return event["type"], event.get("order_id"), event.get("line"), event.get("batch_ref")


def judged(
    judgement: Judgement, order: Sequence[Node], messages: Mapping[Place, Record], untold: set[Place], heard: Heard
) -> Iterator[Violation]:
    """Judge what can be judged; enter the rest as it is told."""
    for node in order:
        message = messages.get((node[0], node[1])) if len(node) == 2 else None
        if message is None:
            yield from judgement.enter(heard.of(node))
        else:
            yield from judgement.judge(message, is_told=node not in untold)
