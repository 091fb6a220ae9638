"""A message that was sent for somebody: the id that they get, and what has become of it since. Pure."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from enum import StrEnum
from hmac import HMAC, compare_digest
from typing import NamedTuple

from python_app_template.core.delivery.messages import Refused

MASK_BYTES, MAC_BYTES = 12, 15
"""What is kept of two HMACs: nobody guesses 120 bits; 96 are plenty to tell two subjects apart. As text, 36 signs."""

_ID = re.compile(r"(0|[1-9]\d{0,9})-(0|[1-9]\d{0,18})-([a-z]+)_([A-Za-z0-9_-]{36})", re.ASCII)


class Place(NamedTuple):
    """Where a message lies in the input topic."""

    partition: int
    offset: int


class Command(NamedTuple):
    """What an id tells to whoever made it: the place, the kind of message, and by whom it was sent, in disguise."""

    place: Place
    kind: str
    """A word of the domain: a-z. Who may see all of a kind needs no subject."""
    mask: bytes


class CommandIds:
    """Makes ids and reads them: `PARTITION-OFFSET-TAG`. Without the secret nobody makes one, nor learns the subject."""

    def __init__(self, secret: bytes, topic_id: str) -> None:
        self._keyed = HMAC(secret, digestmod="sha256")  # copied for each id: half the time of one made anew
        self.topic_id = topic_id
        """Kafka's id of the input topic: in one of the same name that was made anew, a place means something else."""

    def make(self, place: Place, kind: str, subject: str | None) -> str:
        """Return the id of a message that was sent for `subject`; None: for nobody in particular."""
        mask = self._mask(place, subject)
        tag = urlsafe_b64encode(mask + self._mac(place, kind, mask)).decode()
        return f"{place.partition}-{place.offset}-{kind}_{tag}"

    def read(self, text: str) -> Command | None:
        """Return what the id tells; None: it is not one of ours, or of another topic."""
        match = _ID.fullmatch(text)
        if match is None:
            return None
        place, kind, tag = Place(int(match[1]), int(match[2])), match[3], urlsafe_b64decode(match[4])
        mask, mac = tag[:MASK_BYTES], tag[MASK_BYTES:]
        return Command(place, kind, mask) if compare_digest(mac, self._mac(place, kind, mask)) else None

    def is_senders(self, command: Command, subject: str | None) -> bool:
        """Tell whether it was sent for this subject."""
        return compare_digest(command.mask, self._mask(command.place, subject))

    def _mask(self, place: Place, subject: str | None) -> bytes:
        who = ("nobody",) if subject is None else ("subject", subject)
        return self._digest("mask", str(place.partition), str(place.offset), *who)[:MASK_BYTES]

    def _mac(self, place: Place, kind: str, mask: bytes) -> bytes:
        return self._digest("id", self.topic_id, str(place.partition), str(place.offset), kind, mask.hex())[:MAC_BYTES]

    def _digest(self, *parts: str) -> bytes:
        # Each part with its length, so that no two lists of parts give the same text.
        text = "".join([f"{len(part)}:{part}" for part in parts])
        mac = self._keyed.copy()
        mac.update(text.encode(errors="surrogatepass"))
        return mac.digest()


class Status(StrEnum):
    """What has become of a command."""

    PENDING = "pending"
    APPLIED = "applied"
    DEAD_LETTERED = "dead_lettered"
    SKIPPED = "skipped"
    """An operator moved the position past it."""
    UNKNOWN = "unknown"
    """Consumed, but so long ago that nobody knows any more whether it was dead-lettered."""


class Standing(NamedTuple):
    """A command's status; `why` of a dead letter."""

    status: Status
    why: Refused | None = None


class Moved(NamedTuple):
    """A move of the partition's position by an operator, as it was written down."""

    epoch: int
    """The row's from then on."""
    from_offset: int
    """0: there was no row."""
    to_offset: int
    topic_id_from: str | None
    topic_id_to: str


class Buried(NamedTuple):
    """The last dead letter that was made of what lies at the place."""

    epoch: int
    """Under which claim of the partition."""
    why: Refused


class Trace(NamedTuple):
    """All that the tables know of one place, as of one moment."""

    next_offset: int
    """The first offset of the partition that is not consumed; 0 while it has no row."""
    moves: Sequence[Moved] = ()
    """Of its partition, in their order."""
    buried: Buried | None = None
    known_from: int = 0
    """Dead letters below this offset may have been forgotten."""


class Pass(NamedTuple):
    """A stretch that was consumed without a move in between: start <= offset < end."""

    epoch: int
    """From which the row had then, or later."""
    start: int
    end: int


def judge(offset: int, trace: Trace) -> Standing:
    """Say what became of a command the last time that its place was consumed."""
    passed = [p.epoch for p in passes(trace) if p.start <= offset < p.end]
    if not passed:
        return Standing(Status.PENDING if offset >= trace.next_offset else Status.SKIPPED)
    if trace.buried is not None and trace.buried.epoch >= passed[-1]:
        return Standing(Status.DEAD_LETTERED, trace.buried.why)
    return Standing(Status.UNKNOWN if offset < trace.known_from else Status.APPLIED)


def passes(trace: Trace) -> Iterator[Pass]:
    """Yield what was consumed of the topic as it is now, in the order of time: moves tell where each stretch ended."""
    epoch = start = 0
    anew = [n for n, move in enumerate(trace.moves) if move.topic_id_from not in (None, move.topic_id_to)]
    for number, move in enumerate(trace.moves):
        if not anew or number > anew[-1]:
            yield Pass(epoch, start, move.from_offset)
        epoch, start = move.epoch, move.to_offset
    yield Pass(epoch, start, trace.next_offset)
