"""What was sent, what came out, and what is wrong with it: read from topics and tables, judged by the checker."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from python_app_template.audit.checker import examine
from python_app_template.audit.delivery import reason_of
from python_app_template.audit.evidence import Evidence, Place, Record
from python_app_template.settings import Settings


class Verdict(NamedTuple):
    """What the topics hold; lost, doubled and disordered are versions of SKUs, as anybody can count them."""

    messages: int
    events: Mapping[str, int]
    dead_letters: Mapping[str, int]
    returned: int
    """Dead letters that are among the messages again."""
    rows: int
    lost: int
    doubled: int
    disordered: int
    violations: Sequence[str]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.disordered or self.violations)


class Numbered(msgspec.Struct):
    """As much of an event as it takes to count it."""

    type: str
    sku: str
    version: int


def collect(settings: Settings) -> tuple[Evidence, int]:
    """Read topics and tables, of a service that has stopped; and how much is not published. Raises CommandFailed."""
    from python_app_template.cli.gathering import gather  # noqa: PLC0415 - slow to import: no other command waits
    from python_app_template.service import READ_TABLES  # noqa: PLC0415 - likewise

    evidence, pending = asyncio.run(gather(settings, READ_TABLES, wait_seconds=0))
    return evidence, pending


def judge(evidence: Evidence, pending: int = 0, *, replayed: bool = False) -> Verdict:
    """Hold everything against the contract; nothing may be left to be applied, or pending.

    `replayed`: every message that became a dead letter was returned, once.
    """
    returned = Counter(place for message in evidence.messages if (place := _returned_from(message)))
    events = [msgspec.json.decode(record.value or b"", type=Numbered) for record in evidence.events]
    found = examine(evidence)
    return Verdict(
        len(evidence.messages),
        Counter(event.type for event in events),
        Counter(map(reason_of, evidence.dead_letters)),
        returned.total(),
        len(evidence.tables or ()),
        *_counted(events),
        [
            *_unfinished(evidence, pending),
            *(_misreturned(evidence, returned) if replayed else ()),
            *map(str, found.violations),
        ],
    )


def _unfinished(evidence: Evidence, pending: int) -> Iterator[str]:
    cut, log = evidence.cut, evidence.message_log
    left = sum(end - (cut.positions.get(number, 0) if cut else end) for number, end in log.ends.items())
    if left:
        yield f"lost: {left} messages were not applied"
    if pending:
        yield f"lost: {pending} records were committed and not published"


def _returned_from(message: Record) -> Place | None:
    """Return which dead letter a message was; None: none."""
    said = dict(message.headers).get("dlq.returned-from")
    if not said:
        return None
    _, partition, offset = said.decode().rsplit("/", 2)
    return int(partition), int(offset)


def _misreturned(evidence: Evidence, returned: Mapping[Place, int]) -> Iterator[str]:
    first = {
        (letter.partition, letter.offset)
        for letter in evidence.dead_letters
        if "dlq.attempts" not in dict(letter.headers)
    }
    yield from (f"lost: dead letter {place[0]}:{place[1]} was not returned" for place in sorted(first - {*returned}))
    for place, times in sorted(returned.items()):
        if times > 1 or place not in first:
            yield f"doubled: dead letter {place[0]}:{place[1]} was returned {times} times"


def _counted(events: Sequence[Numbered]) -> tuple[int, int, int]:
    """Return how many versions are missing, come again, and come after a greater one."""
    lost = doubled = disordered = 0
    versions: dict[str, list[int]] = {}
    for event in events:
        if event.version:  # a rejected line belongs to no known SKU, and has none
            versions.setdefault(event.sku, []).append(event.version)
    for found in versions.values():
        lost += max(found) - len(set(found))
        doubled += len(found) - len(set(found))
        disordered += sum(after < before for before, after in pairwise(found))
    return lost, doubled, disordered
