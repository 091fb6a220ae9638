"""The checker: from messages, events, dead letters, tables and the cut to what the contract rules out. Yours."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from python_app_template.audit import delivery
from python_app_template.audit.by_hand import explained
from python_app_template.audit.cut import Scope
from python_app_template.audit.evidence import ByHand, Evidence, Place, Record, Violation
from python_app_template.audit.heard import Heard
from python_app_template.audit.judgement import Judgement, judged
from python_app_template.audit.meeting import Meetings
from python_app_template.audit.merging import Merging, Node
from python_app_template.audit.model import Model
from python_app_template.audit.rows import differences


@dataclass
class Findings:
    """What was looked at, what is wrong, and what could not be checked; `books` are as the events leave them.

    `by_hand` is what operators skipped, or had done again: it is in the topics, and none of the service's doing.
    """

    messages: int = 0
    events: int = 0
    dead_letters: int = 0
    rows: int = 0
    violations: list[Violation] = field(default_factory=list)
    unchecked: dict[str, int] = field(default_factory=dict)
    by_hand: list[ByHand] = field(default_factory=list)
    books: Model = field(default_factory=Model)


def violations(evidence: Evidence) -> list[str]:
    """Return what the contract rules out, a line each; nothing: all is well."""
    return [str(violation) for violation in examine(evidence).violations]


def examine(evidence: Evidence) -> Findings:
    """Hold everything against everything.

    Takes time and memory that grow with what is there: see docs/operations.md.
    """
    evidence, by_hand = explained(evidence)
    findings = Findings(rows=len(evidence.tables or ()), by_hand=by_hand)
    findings.violations = list(_examine(evidence, findings))
    return findings


def _examine(evidence: Evidence, findings: Findings) -> Iterator[Violation]:
    scope, merging = Scope(evidence), Merging()
    applied = scope.applied_once(evidence.messages)
    places = {(m.partition, m.offset): m for messages in applied.values() for m in messages}
    letters = yield from _letters(evidence, scope)
    reasons = _reasons(letters)
    meetings = Meetings(applied)
    heard = Heard(evidence, scope, meetings.cancellations)
    for messages in applied.values():
        merging.add((m.partition, m.offset) for m in messages)
    yield from heard.hear(merging)
    yield from _causes(evidence, scope, heard)
    for partition, before in _taken(scope, heard).items():  # retention took the messages, not their turn
        merging.add([*before, *((m.partition, m.offset) for m in applied.get(partition, ())[:1])])
    untold = meetings.arrange(heard, reasons, merging, is_silent=evidence.dead_letter_log.truncated)
    order, stuck = merging.order()
    if stuck:
        names = ", ".join(delivery.named(evidence.topic, (node[0], node[1])) for node in stuck[:3])
        yield Violation("order", f"no order of the messages leads to these events; {len(stuck)} do not fit: {names}")
    judgement = Judgement(evidence, heard, reasons)
    yield from judged(judgement, order, places, untold, heard)
    yield from delivery.positions(evidence)
    yield from delivery.outbox(evidence.cut.outbox if evidence.cut else None)
    if evidence.tables is not None:
        truncated = evidence.message_log.truncated or evidence.event_log.truncated
        purged = evidence.cut is not None and evidence.cut.purged
        yield from differences(evidence.tables, judgement.books, heard.is_late, truncated=truncated, purged=purged)
    findings.messages, findings.events, findings.dead_letters = len(places), heard.count, len(letters)
    findings.unchecked, findings.books = dict(judgement.unchecked), judgement.books


def _letters(evidence: Evidence, scope: Scope) -> Generator[Violation, None, list[Record]]:
    letters: list[Record] = []
    seen = evidence.cut.seen_dead_letters if evidence.cut else None
    for letter in evidence.dead_letters:
        place = delivery.origin_of(letter)
        if place is not None:
            if scope.is_later(place, letter, seen):
                continue
            yield from delivery.covered(evidence, scope, place, "a dead letter")
        letters.append(letter)
    yield from delivery.dead_letters(evidence, scope, letters)
    return letters


def _reasons(letters: Sequence[Record]) -> Mapping[Place, Sequence[str]]:
    found: dict[Place, list[str]] = {}
    for letter in letters:
        if (place := delivery.origin_of(letter)) is not None:
            found.setdefault(place, []).append(delivery.reason_of(letter))
    return found


def _taken(scope: Scope, heard: Heard) -> Mapping[int, Sequence[Node]]:
    """Return by partition the causes that retention took, in their order."""
    found: dict[int, list[Node]] = {}
    for node in sorted(node for node in heard.by_cause if len(node) == 2 and scope.is_truncated((node[0], node[1]))):
        found.setdefault(node[0], []).append(node)
    return found


def _causes(evidence: Evidence, scope: Scope, heard: Heard) -> Iterator[Violation]:
    """Every event was led to by a message that was sent, and committed."""
    sent = {(m.partition, m.offset) for m in evidence.messages}
    for node in heard.by_cause:
        place = node[0], node[1]
        if place not in sent and not scope.is_truncated(place):
            yield Violation("cause", f"{delivery.named(evidence.topic, place)} led to events, and was never sent")
