"""What is looked at: the messages that were applied up to the moment of the cut, and what was known of them by then."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from python_app_template.audit.evidence import Cut, Evidence, Place, Record

Segment: TypeAlias = tuple[int, int]
"""Offsets that were applied in their order: start <= offset < end."""

FOREVER = 1 << 62


class Scope:
    """Tells which messages were applied, how often, and which records may be later than the cut."""

    def __init__(self, evidence: Evidence) -> None:
        self._cut = evidence.cut
        self._segments: dict[int, Sequence[Segment]] = {}
        self._start = evidence.message_log.start

    def times(self, place: Place) -> int:
        """Return how often the message was applied: as a rule once, or not yet."""
        partition, offset = place
        return sum(start <= offset < end for start, end in self.segments(partition))

    def segments(self, partition: int) -> Sequence[Segment]:
        """Return what was applied of a partition, in order: one piece, unless the position was moved by hand."""
        found = self._segments.get(partition)
        if found is None:
            found = self._segments[partition] = tuple(segments(self._cut, partition))
        return found

    def is_beyond(self, place: Place) -> bool:
        """Whether the message stands at or beyond the position, and was never applied."""
        return self._cut is not None and place[1] >= self._cut.positions.get(place[0], 0) and not self.times(place)

    def is_later(self, place: Place, record: Record, seen: Mapping[int, int] | None) -> bool:
        """Whether what is known of a message is younger than the cut: the message is beyond it, and nobody saw it."""
        return self.is_beyond(place) and not is_before(seen, record)

    def is_truncated(self, place: Place) -> bool:
        """Whether retention took the message."""
        return place[1] < self._start(place[0])

    def applied_once(self, messages: Sequence[Record]) -> Mapping[int, list[Record]]:
        """Return by partition what was applied exactly once, in the order of that."""
        found: dict[int, list[tuple[int, int, Record]]] = {}
        for message in messages:
            pieces = self.segments(message.partition)
            hits = [n for n, (start, end) in enumerate(pieces) if start <= message.offset < end]
            if len(hits) == 1:
                found.setdefault(message.partition, []).append((hits[0], message.offset, message))
        for entries in found.values():
            entries.sort(key=lambda entry: entry[:2])
        return {partition: [message for *_, message in entries] for partition, entries in sorted(found.items())}


def segments(cut: Cut | None, partition: int) -> Iterator[Segment]:
    """Yield the pieces of a partition that were applied, in the order of that."""
    if cut is None:
        yield 0, FOREVER
        return
    start = 0
    for move in cut.moves:
        if move.partition == partition:
            yield start, move.from_offset
            start = move.to_offset
    yield start, cut.positions.get(partition, 0)


def is_before(seen: Mapping[int, int] | None, record: Record) -> bool:
    """Whether a record could be read before the moment of the cut, and so has to belong to it."""
    return seen is None or record.offset < seen.get(record.partition, 0)
