"""Which dead letters have been returned: records of the compacted topic that has the cursors too."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from itertools import groupby

import msgspec
from confluent_kafka import Message

from python_app_template.adapters.kafka_admin import Bounds
from python_app_template.adapters.secondary.kafka.cursor_topic import PRODUCER
from python_app_template.adapters.secondary.kafka.reading import pages
from python_app_template.core.delivery.messages import Frame, Partition
from python_app_template.core.delivery.returning import Place
from python_app_template.settings import Settings

NO_CURSOR = b"\xff"
"""Begins a mark's key, and no cursor's: that is text in UTF-8, which never has this byte."""

_offsets = msgspec.json.Decoder(list[int])


class ReturnMarks:
    """The marks of one dead-letter topic. Its id is in their keys, so that a topic made anew has none.

    The letters that go back together share a mark for each partition: a relay that starts has to read past them. The
    first of them names it, for good, because none goes back twice; compaction never drops one for another.
    """

    def __init__(self, settings: Settings, topic_id: str) -> None:
        self.partition = Partition(settings.kafka.positions_topic, 0)
        self.topic_id = topic_id
        self.transactional_id = f"dlq-replay-{topic_id}"
        """Of whoever writes them, one at a time."""
        self._settings, self._prefix = settings, NO_CURSOR + f"returned/{topic_id}/".encode()

    def records(self, places: Iterable[Place]) -> Sequence[Frame]:
        """Return the marks of letters that go back together."""
        of_partitions = groupby(sorted(places), lambda place: place.partition)
        return [self._record([*letters]) for _, letters in of_partitions]

    def tombstone(self, first: Place) -> Frame:
        """Return what lets the log forget the mark that this letter names."""
        return self._frame(first, None)

    async def read(self, log: Bounds, end: int) -> Mapping[Place, Sequence[Place]]:
        """Return the marks up to this offset: the letters of each, by the first. Raises TransientError."""
        found: dict[Place, Sequence[Place]] = {}
        async with aclosing(pages(self._settings, self.partition, log.start, end)) as read:
            async for page in read:
                for message in page:
                    self._note(found, message)
        return found

    def _record(self, letters: Sequence[Place]) -> Frame:
        return self._frame(letters[0], msgspec.json.encode([place.offset for place in letters]))

    def _frame(self, first: Place, value: bytes | None) -> Frame:
        key = self._prefix + b"%d/%d" % first
        return Frame(self.partition.topic, key, value, [(PRODUCER, self.transactional_id.encode())])

    def _note(self, found: dict[Place, Sequence[Place]], message: Message) -> None:
        key, value = message.key(), message.value()
        if key is None or not key.startswith(self._prefix):
            return
        partition, offset = map(int, key.removeprefix(self._prefix).split(b"/"))
        if value is None:
            found.pop(Place(partition, offset), None)
        else:
            found[Place(partition, offset)] = [Place(partition, each) for each in _offsets.decode(value)]
