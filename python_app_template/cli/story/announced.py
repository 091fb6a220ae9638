"""Waiting for batches to be known: an order is sure to see a batch only if sent after its `batch.created` event."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from python_app_template.cli.reading import LOOK_SECONDS, Reader, from_end, reading
from python_app_template.settings import Settings


class _Announced(msgspec.Struct):
    """What matters here of an event."""

    type: str
    batch_ref: str | None = None


_decode = msgspec.json.Decoder(_Announced).decode


class Announcements:
    """The events since this was made."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def missing(self, batch_refs: Iterable[str], seconds: float) -> set[str]:
        """Wait until all these batches are announced, or the time is up; return those that are not."""
        missing, deadline = set(batch_refs), time.monotonic() + seconds
        while missing and (left := deadline - time.monotonic()) > 0:
            for message in self._reader.read(min(left, LOOK_SECONDS)):
                event = _decode(message.value() or b"")
                if event.type == "batch.created":
                    missing.discard(event.batch_ref or "")
        return missing


@contextmanager
def listening(settings: Settings) -> Iterator[Announcements]:
    """Listen from now on. Raises CommandFailed."""
    topic = settings.kafka.output_topic
    with reading(settings, topic, from_end(settings, topic)) as reader:
        yield Announcements(reader)
