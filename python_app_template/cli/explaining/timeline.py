"""One order's story, made of the evidence: what happened, in the order of time; how it stands; what nobody knows.

Pure. Yours.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from python_app_template.adapters import dead_letters
from python_app_template.adapters.secondary.postgres.stock.explained import DigestRow, LineRow
from python_app_template.cli.explaining.evidence import Evidence, body, trace_id
from python_app_template.core.delivery.messages import Frame, Partition, Record
from python_app_template.core.delivery.returning import Letter

Entry: TypeAlias = dict[str, Any]
"""`what` says which kind it is, `at` when it happened (RFC 3339), null if that is not known."""

RANK = {"message": 0, "event": 1, "outbox": 2, "dead_letter": 3}
"""What comes first of what happened in the same moment."""

_ONE = object()
"""What is in no set."""

TOLD = ("sku", "line", "qty", "version", "batch_ref", "eta", "reason", "cause")


def timeline(evidence: Evidence) -> list[Entry]:
    """Return all of it."""
    happened = [*_messages(evidence), *_events(evidence), *_waiting(evidence), *_letters(evidence)]
    happened.sort(key=_moment)
    gaps = [{"what": "unknown", "at": None, "detail": text} for text in unknown(evidence)]
    return [*happened, *_standing(evidence), *gaps]


def _moment(entry: Entry) -> tuple[Any, ...]:
    """The facts of a batch share one instant: the messages that they came of, and the lines, say which was first."""
    cause = entry.get("cause") or {}
    came_of = cause.get("partition", 0), cause.get("offset", 0)
    return entry["at"] or "", RANK[entry["what"]], *came_of, entry.get("line", 0), entry.get("version", 0)


# --- What happened


def _messages(evidence: Evidence) -> Iterator[Entry]:
    for record in evidence.messages:
        place = record.partition.number, record.offset
        found = body(record.value)
        refusal = _refusal(evidence, place)
        yield {
            "what": "message",
            "at": _milliseconds(record.timestamp),
            **_place(record),
            "type": found.get("type"),
            "state": _state(evidence, place, refusal),
            "events": sum(_cause(event) == place for event in evidence.events),
            "refusal": refusal,
            "trace_id": trace_id(record.headers),
        }


def _state(evidence: Evidence, place: tuple[int, int], refusal: str | None) -> str:
    partition, offset = place
    if offset >= evidence.kept.positions.get(partition, 0):
        return "waiting"
    return "dead_lettered" if refusal else "applied"


def _refusal(evidence: Evidence, place: tuple[int, int]) -> str | None:
    letters = {_origin(letter): f"{letter.reason}: {letter.detail}" for letter in evidence.letters}
    return evidence.refusals.get(place) or letters.get(place)


def _events(evidence: Evidence) -> Iterator[Entry]:
    for record in evidence.events:
        found = body(record.value)
        yield {
            "what": "event",
            "at": found.get("occurred_at"),
            **_place(record),
            "type": found.get("type"),
            "id": found.get("id"),
            **{name: found[name] for name in TOLD if name in found},
            "published": True,
            "trace_id": trace_id(record.headers),
            **_mail(evidence, record, found),
        }


def _mail(evidence: Evidence, record: Record, found: Mapping[str, Any]) -> Entry:
    if found.get("type") != "line.out_of_stock":
        return {}
    digest = next((row for row in evidence.kept.digests if _tells(row, record)), None)
    if digest is None:
        return {"digest": None}
    return {"digest": {"number": digest.number, "state": digest.state, "message_id": digest.message_id}}


def _tells(digest: DigestRow, record: Record) -> bool:
    number = record.partition.number
    return number in digest.starts and digest.starts[number] <= record.offset < digest.ends[number]


def _waiting(evidence: Evidence) -> Iterator[Entry]:
    """What the outbox holds beyond what is published, and was not found there meanwhile."""
    published = evidence.cursor.number if evidence.cursor else -1
    events = {body(record.value).get("id") for record in evidence.events}
    letters = {_origin(letter) for letter in evidence.letters}
    for row in evidence.kept.outbox:
        for frame in row.frames if row.number > published else ():
            found = _letter(frame) if frame.type == "" else body(frame.value)
            if found.get("id", _ONE) not in events and found.get("origin", _ONE) not in letters:
                yield {
                    "what": "outbox",
                    "at": found.get("occurred_at") or _instant(row.committed_at),
                    "number": row.number,
                    **{name: found[name] for name in ("type", "id", *TOLD, "detail") if name in found},
                    "published": False,
                    "trace_id": trace_id(frame.headers),
                }


def _letter(frame: Frame) -> Entry:
    """Return what a dead letter says that is not published yet."""
    letter = dead_letters.read(Record(Partition(frame.topic, 0), 0, 0, frame.key, frame.value, frame.headers))
    return {"type": "dead_letter", "reason": letter.reason, "detail": letter.detail, "origin": _origin(letter)}


def _letters(evidence: Evidence) -> Iterator[Entry]:
    for letter in evidence.letters:
        origin = letter.origin
        yield {
            "what": "dead_letter",
            "at": _milliseconds(letter.written_at),
            "partition": letter.place.partition,
            "offset": letter.place.offset,
            "reason": letter.reason,
            "detail": letter.detail,
            "origin": origin and {**origin.partition._asdict(), "offset": origin.offset},
            "returned": (letter.place.partition, letter.place.offset) in evidence.returned,
            "trace_id": trace_id(letter.headers),
        }


# --- How it stands


def _standing(evidence: Evidence) -> Iterator[Entry]:
    order = evidence.kept.order
    if order is not None:
        yield {
            "what": "order",
            "at": _instant(order.changed_at),
            "status": "cancelled" if order.cancelled else "placed",
            "customer_id": order.customer_id,
            "placed_at": _instant(order.placed_at),
        }
    for line in evidence.kept.lines:
        yield {"what": "line", "at": None, **line._asdict()}


# --- What nobody knows any more


def unknown(evidence: Evidence) -> Iterator[str]:
    """Say what is missing, and why, as far as that can be told."""
    yield from _not_searched(evidence)
    yield from _no_message(evidence)
    for line in evidence.kept.lines:
        yield from _no_event(evidence, line)
    if evidence.kept.order is None:
        yield _not_kept(evidence)
    if evidence.events:
        yield "the outbox numbers of what is published: a row is deleted once it is"
    for entry in _events(evidence):
        if "digest" in entry and entry["digest"] is None:
            yield f"whether {entry['id']} was mailed: no digest that is kept tells of it"


def _not_searched(evidence: Evidence) -> Iterator[str]:
    for topic, searched in evidence.searched.items():
        for one in searched:
            if one.searched_from > one.start:
                stretch = f"offsets {one.start} to {one.searched_from - 1}"
                yield f"what is in {topic}, partition {one.partition}, {stretch}: not searched; --scan takes more"


def _no_message(evidence: Evidence) -> Iterator[str]:
    kinds = {body(record.value).get("type") for record in evidence.messages}
    order = evidence.kept.order
    wanted = [("order.placed", order is not None), ("order.cancelled", order is not None and order.cancelled)]
    for kind, happened in wanted:
        if happened and kind not in kinds:
            yield f"the {kind} message: {_absence(evidence, 0)}"


def _no_event(evidence: Evidence, line: LineRow) -> Iterator[str]:
    ref = f"{evidence.order_id}/{line.line}/rejected" if line.status == "rejected" else f"{line.sku}/{line.version}"
    seen = {body(record.value).get("id") for record in evidence.events}
    waiting = {body(frame.value).get("id") for row in evidence.kept.outbox for frame in row.frames}
    if ref not in seen | waiting:
        yield f"event {ref} (line {line.line}, {line.status}): {_absence(evidence, 1)}"


def _absence(evidence: Evidence, which: int) -> str:
    """Why something is not in a topic, by how it was searched."""
    topic = list(evidence.searched)[which]
    searched = evidence.searched[topic]
    if any(one.searched_from > one.start for one in searched):
        return f"not in what was searched of {topic}"
    begins = ", ".join(f"{one.partition}: {one.start}" for one in searched)
    return f"no longer in {topic} (its partitions begin at {begins})"


def _not_kept(evidence: Evidence) -> str:
    applied = any(entry["state"] == "applied" for entry in _messages(evidence))
    before = evidence.kept.purged_before
    if evidence.events or (applied and before):
        told = f"purged with what was done before {_instant(before)}" if before else "the tables have no such order"
        return f"how the order stands: {told}"
    return "how the order stands: no message that places it was applied"


# --- Small parts


def _place(record: Record) -> Entry:
    return {"topic": record.partition.topic, "partition": record.partition.number, "offset": record.offset}


def _cause(event: Record) -> tuple[int, int] | None:
    cause = body(event.value).get("cause")
    return (int(cause["partition"]), int(cause["offset"])) if isinstance(cause, dict) else None


def _origin(letter: Letter) -> tuple[int, int] | None:
    return (letter.origin.partition.number, letter.origin.offset) if letter.origin else None


def _milliseconds(timestamp: int) -> str:
    return _instant(datetime.fromtimestamp(timestamp / 1000, UTC)) or ""


def _instant(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def cells(entry: Entry) -> Sequence[str]:
    """Return an entry as a person reads it: when, what, where, and the rest."""
    told = {name: value for name, value in entry.items() if value is not None and name not in _SHOWN_APART}
    where = f"{entry['partition']}:{entry['offset']}" if "offset" in entry else str(entry.get("number", ""))
    rest = ", ".join(f"{name} {_short(value)}" for name, value in told.items())
    shown = str(entry["detail"]) if entry["what"] == "unknown" else rest
    return entry["at"] or "", entry["what"].replace("_", " "), where, shown


_SHOWN_APART = frozenset({"what", "at", "topic", "partition", "offset", "number"})


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(str(one) for one in value.values() if one is not None)
    return str(value).lower() if isinstance(value, bool) else str(value)
