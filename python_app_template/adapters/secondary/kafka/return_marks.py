"""Which dead letters have been returned: a record for each in the compacted topic that has the cursors too."""

from collections.abc import Iterable
from contextlib import aclosing

from python_app_template.adapters.kafka_admin import Bounds
from python_app_template.adapters.secondary.kafka.cursor_topic import PRODUCER
from python_app_template.adapters.secondary.kafka.reading import pages
from python_app_template.core.delivery.messages import Frame, Partition
from python_app_template.core.delivery.returning import Place
from python_app_template.settings import Settings

NO_CURSOR = b"\xff"
"""Begins a mark's key, and no cursor's: that is text in UTF-8, which never has this byte."""


class ReturnMarks:
    """The marks of one dead-letter topic. Its id is in their keys, so that a topic made anew has none."""

    def __init__(self, settings: Settings, topic_id: str) -> None:
        self.partition = Partition(settings.kafka.positions_topic, 0)
        self.topic_id = topic_id
        self.transactional_id = f"dlq-replay-{topic_id}"
        """Of whoever writes them, one at a time."""
        self._settings, self._prefix = settings, NO_CURSOR + f"returned/{topic_id}/".encode()

    def record(self, place: Place) -> Frame:
        """Return the mark of a letter."""
        return self._frame(place, b"{}")

    def tombstone(self, place: Place) -> Frame:
        """Return what lets the log forget the mark of a letter that is no longer there."""
        return self._frame(place, None)

    async def read(self, log: Bounds, end: int) -> set[Place]:
        """Return what is marked up to this offset. Raises TransientError."""
        found: set[Place] = set()
        async with aclosing(pages(self._settings, self.partition, log.start, end)) as read:
            async for page in read:
                self._note(found, ((message.key(), message.value()) for message in page))
        return found

    def _frame(self, place: Place, value: bytes | None) -> Frame:
        key = self._prefix + b"%d/%d" % place
        return Frame(self.partition.topic, key, value, [(PRODUCER, self.transactional_id.encode())])

    def _note(self, found: set[Place], records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        for key, value in records:
            if key is None or not key.startswith(self._prefix):
                continue
            partition, offset = key.removeprefix(self._prefix).split(b"/")
            (found.discard if value is None else found.add)(Place(int(partition), int(offset)))
