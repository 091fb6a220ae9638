"""What holds of every record, whatever it says: envelopes, partitions, dead letters unchanged, positions, outbox."""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from python_app_template.audit.cut import Scope
from python_app_template.audit.evidence import PENDING, Evidence, Outbox, Place, Record, Violation

OURS = "dlq."
ATTEMPTS = "dlq.attempts"
TRUNCATED = "dlq.truncated"
DETAIL_BYTES = 1024


def named(topic: str, place: Place) -> str:
    """Return a message's place as people write it."""
    return f"{topic}/{place[0]}@{place[1]}"


def origin_of(letter: Record) -> Place | None:
    """Return the place that a dead letter had on the input topic; None: it does not say."""
    headers = dict(letter.headers)
    try:
        return int(headers["dlq.partition"] or b""), int(headers["dlq.offset"] or b"")
    except (KeyError, ValueError):
        return None


def reason_of(letter: Record) -> str:
    """Return why it is one."""
    return (dict(letter.headers).get("dlq.reason") or b"").decode(errors="replace")


def envelope(event: Record, body: dict[str, Any], partitions: int | None) -> Iterator[Violation]:
    """Key, partition and headers say the same as the value."""
    ref, headers = body["id"], dict(event.headers)
    if event.key != body["sku"].encode():
        yield Violation("envelope", f"{ref}: its key is {event.key!r}")
    found = headers.get("ce_id"), headers.get("ce_type"), headers.get("ce_specversion"), headers.get("content-type")
    if found != (ref.encode(), body["type"].encode(), b"1.0", b"application/json"):
        yield Violation("envelope", f"{ref}: its headers are {headers}")
    if partitions and event.offset < PENDING and event.partition != partition_of(event.key or b"", partitions):
        due = partition_of(event.key or b"", partitions)
        yield Violation("partition", f"{ref} is in partition {event.partition} where its key belongs to {due}")


def dead_letters(evidence: Evidence, scope: Scope, letters: Iterable[Record]) -> Iterator[Violation]:
    """Each is a message that was sent, unchanged, in its partition, and as often as that was applied."""
    sent = {(m.partition, m.offset): m for m in evidence.messages}
    topic, count = evidence.topic, evidence.dead_letter_log.partitions
    times: Counter[Place] = Counter()
    for letter in letters:
        place = origin_of(letter)
        if place is None or dict(letter.headers).get("dlq.topic") != topic.encode():
            yield Violation(
                "dead letter", f"the one at {letter.partition}@{letter.offset} does not say where it is from"
            )
            continue
        times[place] += 1
        message = sent.get(place)
        if message is not None:
            yield from (Violation("dead letter", f"{named(topic, place)}: {what}") for what in changes(message, letter))
            due = partition_of(letter.key, count, place[0]) if count else letter.partition
            if letter.offset < PENDING and letter.partition != due:
                wrong = f"{named(topic, place)} is in partition {letter.partition} where {due} is due"
                yield Violation("dead letter", wrong)
        elif not scope.is_truncated(place):
            yield Violation("dead letter", f"{named(topic, place)} was never sent")
    for place, found in times.items():
        if found > max(scope.times(place), 1):
            yield Violation("dead letter", f"{named(topic, place)} is there {found} times")


def changes(message: Record, letter: Record) -> Iterator[str]:
    """Yield what a dead letter does not have as it was received, or lacks."""
    headers = dict(letter.headers)
    if letter.key != message.key:
        yield f"its key was {message.key!r} and is {letter.key!r}"
    if letter.value != message.value and not (letter.value == b"" and TRUNCATED in headers):
        yield "its value is not as received"
    if [h for h in letter.headers if not h[0].startswith(OURS)] != [h for h in message.headers if h[0][:4] != OURS]:
        yield "its headers are not as received"
    detail = headers.get("dlq.detail") or b""
    if len(detail) > DETAIL_BYTES or len(detail.decode(errors="replace").splitlines()) > 1:
        yield "its dlq.detail is no line of 1 KB at the most"
    if not headers.get("dlq.service"):
        yield "it has no dlq.service"
    if message.timestamp and headers.get("dlq.timestamp") != b"%d" % message.timestamp:
        yield f"its dlq.timestamp is {headers.get('dlq.timestamp')!r} where {message.timestamp} is due"


def covered(evidence: Evidence, scope: Scope, place: Place, name: str) -> Iterator[Violation]:
    """What is there at the moment of the cut comes of a message that was applied by then."""
    cut = evidence.cut
    if cut is None or cut.reborn or scope.times(place):
        return
    comes = f"{name} comes of {named(evidence.topic, place)}"
    if scope.is_beyond(place):
        yield Violation("position", f"{comes}, and the position is {cut.positions.get(place[0], 0)}")
    else:
        yield Violation("position", f"{comes}, which was skipped")


def positions(evidence: Evidence) -> Iterator[Violation]:
    """None stands beyond the end of its log."""
    if evidence.cut is None:
        return
    for partition, offset in sorted(evidence.cut.positions.items()):
        end = evidence.message_log.ends.get(partition)
        if end is not None and offset > end:
            yield Violation("position", f"partition {partition} stands at {offset}, and its log ends at {end}")


def outbox(found: Outbox | None) -> Iterator[Violation]:
    """The relay's cursor belongs to this outbox, whose numbers have no gap."""
    if found is None:
        return
    if found.cursor is None and found.started:
        yield Violation("outbox", "the cursor is lost: something was published, and the positions topic has none")
    numbers = [number for number, _ in found.rows]
    if numbers and numbers != [*range(numbers[0], numbers[0] + len(numbers))]:
        yield Violation("outbox", f"its numbers have gaps: {numbers[0]} to {numbers[-1]} in {len(numbers)} rows")
    if found.cursor is None:
        return
    number, row_id = found.cursor
    if number > found.head:
        yield Violation("outbox", f"published up to {number}, and the last number given is {found.head}")
    if numbers and number < numbers[0]:
        yield Violation("outbox", f"published up to {number}, and the oldest row there is has number {numbers[0]}")
    if dict(found.rows).get(number, row_id) != row_id:
        yield Violation("outbox", f"row {number} is not the one that was published under that number")


SEED, MULTIPLIER, WORD = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


def partition_of(key: bytes | None, count: int, origin: int = 0) -> int:
    """Return the partition of a key among so many; without one, that of its origin."""
    return origin % count if key is None else (murmur2(key) & 0x7FFFFFFF) % count


@lru_cache(maxsize=65_536)
def murmur2(data: bytes) -> int:
    """Return Austin Appleby's hash, as Kafka's clients use it for keys: seed 0x9747b28c, little-endian words."""
    found, whole = SEED ^ len(data), len(data) & ~3
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        mixed = word * MULTIPLIER & WORD
        found = found * MULTIPLIER & WORD ^ (mixed ^ mixed >> 24) * MULTIPLIER & WORD
    if tail := data[whole:]:
        found = (found ^ int.from_bytes(tail, "little")) * MULTIPLIER & WORD
    found = (found ^ found >> 13) * MULTIPLIER & WORD
    return found ^ found >> 15
