"""How far a topic has been followed by somebody who keeps a copy of what it says, and whether that is still true."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """How far a topic has been followed: by partition, the offset of the next record."""

    topic_id: str
    offsets: Mapping[int, int]

    def moved(self, offsets: Mapping[int, int]) -> "Place":
        """Return the place once these partitions moved."""
        return Place(self.topic_id, {**self.offsets, **offsets})

    def reaches(self, ends: Mapping[int, int]) -> bool:
        """Whether all before these offsets was followed."""
        return all(self.offsets.get(number, -1) >= end for number, end in ends.items())


@dataclass(frozen=True, slots=True)
class Bounds:
    """A topic as it is now: of each partition the first offset, and the one where committed records end."""

    topic_id: str
    starts: Mapping[int, int]
    ends: Mapping[int, int]

    @property
    def end(self) -> Place:
        """Behind all that is committed."""
        return Place(self.topic_id, self.ends)

    def lag(self, place: Place) -> Mapping[int, int]:
        """Offsets to go, by partition; markers count, so it is a few more than the events."""
        return {number: max(end - place.offsets.get(number, 0), 0) for number, end in self.ends.items()}


def unfollowable(place: Place, bounds: Bounds) -> str | None:
    """Why nobody can go on from this place; None: it is a place of this log. `bounds` are younger than the place."""
    if place.topic_id != bounds.topic_id:
        return "topic_recreated"
    if place.offsets.keys() != bounds.ends.keys():
        return "partitions_changed"
    if any(place.offsets[number] < start for number, start in bounds.starts.items()):
        return "log_truncated"
    if any(place.offsets[number] > end for number, end in bounds.ends.items()):
        return "log_ends_before"
    return None
