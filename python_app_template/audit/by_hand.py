"""What operators decided: taken out of what is judged, and named. Yours, as it knows how events follow each other."""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from python_app_template.audit.books import Event
from python_app_template.audit.cut import Scope
from python_app_template.audit.evidence import PENDING, ByHand, CursorMove, Evidence, Log, Move, Record
from python_app_template.audit.heard import event_of

Content: TypeAlias = tuple[object, ...]


class Explained(NamedTuple):
    """The evidence as it was without moves of the published cursor, and what those changed."""

    evidence: Evidence
    told: list[ByHand]


def explained(evidence: Evidence) -> Explained:
    """Put in what was skipped, and take out what was published again."""
    cut = evidence.cut
    if cut is None:
        return Explained(evidence, [])
    told = [] if cut.reborn else [*_moved(evidence, Scope(evidence), cut.moves)]  # else offsets are of two topics
    events, letters = list(evidence.events), list(evidence.dead_letters)
    for move in cut.cursor_moves:
        events, doubled = _once(events, move.again.events, evidence.event_log)
        letters, doubled_letters = _once(letters, move.again.dead_letters, evidence.dead_letter_log)
        events, missed = _filled(events, _absent(events, move.skipped.events), evidence.event_log)
        absent = _absent(letters, move.skipped.dead_letters)
        letters += [letter._replace(offset=PENDING) for letter in absent]
        told += _told(move, (missed, len(absent)), (doubled, doubled_letters))
    return Explained(replace(evidence, events=events, dead_letters=letters), told)


def _moved(evidence: Evidence, scope: Scope, moves: Iterable[Move]) -> Iterator[ByHand]:
    """Name the messages between the two offsets that were not applied, or not only once."""
    for move in moves:
        low, high = sorted((move.from_offset, move.to_offset))
        places = [(m.partition, m.offset) for m in evidence.messages if m.partition == move.partition]
        between = [scope.times(place) for place in places if low <= place[1] < high]
        where = f"{evidence.topic}/{move.partition}@{low} to {high - 1}"
        if move.to_offset > move.from_offset:
            gone = max(min(high, evidence.message_log.start(move.partition)) - low, 0)
            count = sum(not times for times in between)
            taken = f", and {gone:,} offsets that retention took" if gone else ""
            if count or gone:
                text = f"{where}: {count:,} messages{taken} were skipped by an operator ({move.decision})"
                yield ByHand("skipped", text)
        elif count := sum(times > 1 for times in between):
            text = f"{where}: {count:,} messages were applied again, for an operator ({move.decision})"
            yield ByHand("again", text)


def _told(move: CursorMove, skipped: tuple[int, int], again: tuple[int, int]) -> Iterator[ByHand]:
    where = f"published cursor, {'none' if move.before is None else move.before} to {move.after}"
    for kind, (events, letters), what in (
        ("skipped", skipped, "were skipped by an operator"),
        ("again", again, "were published again, for an operator"),
    ):
        if events or letters:
            yield ByHand(kind, f"{where}: {events:,} events and {letters:,} dead letters {what} ({move.decision})")


def _content(record: Record) -> Content:
    return record.key, record.value, tuple(record.headers)


def _once(records: list[Record], again: Collection[Record], log: Log) -> tuple[list[Record], int]:
    """Leave out one copy of each that has one; return how many that were.

    The first stays. Where retention took the beginning it may have taken the first ones too: there the last stays,
    which is whole.
    """
    if not again:
        return records, 0
    extra = Counter({_content(record) for record in again})
    records = sorted(records, key=_place)
    whole = [n for n, record in enumerate(records) if not log.start(record.partition)]
    cut = [n for n, record in enumerate(records) if log.start(record.partition)]
    seen: set[Content] = set()
    dropped: set[int] = set()
    for number in (*whole, *reversed(cut)):
        content = _content(records[number])
        if content in seen and extra[content]:
            extra[content] -= 1
            dropped.add(number)
        elif content in extra:
            seen.add(content)
    return [record for number, record in enumerate(records) if number not in dropped], len(dropped)


def _absent(records: Iterable[Record], skipped: Sequence[Record]) -> list[Record]:
    """Return those of the skipped that the topic does not have: what was published meanwhile, it has."""
    if not skipped:
        return []
    wanted = {_content(record) for record in skipped}
    there = {content for record in records if (content := _content(record)) in wanted}
    return [record for record in skipped if _content(record) not in there]


def _filled(records: list[Record], absent: Iterable[Record], log: Log) -> tuple[list[Record], int]:
    """Put each where it would be; return how many that were.

    What is older than all that retention has left of its SKU stays out: it would be gone anyway.
    """
    waiting: dict[object, deque[tuple[Record, Event]]] = {}
    for record in absent:
        if (body := event_of(record)) is not None:
            waiting.setdefault(_line(record, body), deque()).append((record, body))
    if not waiting:
        return records, 0
    filled: list[Record] = []
    heard: set[object] = set()
    for record in sorted(records, key=_place):
        body = event_of(record)
        if body is not None and (queue := waiting.get(line := _line(record, body))):
            while queue and _rank(queue[0][1]) < _rank(body):
                found, _ = queue.popleft()
                if line in heard or not log.start(found.partition):
                    filled.append(found._replace(partition=record.partition, offset=record.offset))
            heard.add(line)
        filled.append(record)
    for line, queue in waiting.items():
        filled += [
            found._replace(offset=PENDING) for found, _ in queue if line in heard or not log.start(found.partition)
        ]
    return filled, len(filled) - len(records)


def _line(record: Record, body: Event) -> object:
    """Return what tells which events follow each other: those of a SKU; an order's rejected lines, which have none."""
    return record.key, body["order_id"] if body["version"] == 0 else None


def _rank(body: Event) -> int:
    return int(body["version"] or body["line"])


def _place(record: Record) -> tuple[int, int]:
    return record.partition, record.offset
