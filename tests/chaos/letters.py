"""Mails about what is out of stock, held against the events: each line is told of to everybody, at least once. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from email import message_from_bytes, policy
from typing import Any, NamedTuple

from python_app_template.audit.evidence import Record

RANGE = re.compile(r"/(\d+):(\d+)-(\d+)")
SUBJECT = re.compile(r"Out of stock: ([\d,]+) lines?, ([\d,]+) units?")
LISTED = re.compile(r"(\d+) x (\S+)  \(order (\S+), line (\d+)\)")
MOST_LISTED = 200


class Mail(NamedTuple):
    """What some people got, or, where it is kept as failed, never will."""

    recipients: Sequence[str]
    content: bytes


class Line(NamedTuple):
    """A line that is out of stock."""

    partition: int
    offset: int
    qty: int
    sku: str
    order_id: str
    line: int


class Stretch(NamedTuple):
    """Offsets of a partition of the events."""

    partition: int
    start: int
    end: int


class Digest(NamedTuple):
    """What a mail says."""

    stretches: Sequence[Stretch]
    lines: int
    units: int
    listed: Sequence[tuple[int, str, str, int]]


def out_of_stock(events: Sequence[Record]) -> list[Line]:
    """Return the lines that events are about, in the order of their places."""
    bodies = [(event, _body(event)) for event in sorted(events, key=lambda event: event[:2])]
    return [
        Line(event.partition, event.offset, body["qty"], body["sku"], body["order_id"], body["line"])
        for event, body in bodies
        if body["type"] == "line.out_of_stock"
    ]


def _body(event: Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event.value or b"{}")
    return found


def digest_of(content: bytes) -> tuple[str, Digest]:
    """Return a mail's id, and what it says."""
    mail = message_from_bytes(content, policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    totals = SUBJECT.fullmatch(str(mail["Subject"]))
    assert totals is not None, mail["Subject"]
    lines, units = (int(number.replace(",", "")) for number in totals.groups())
    stretches = [Stretch(*map(int, found)) for found in RANGE.findall(str(mail["X-Events"]))]
    listed = [(int(qty), sku, order, int(line)) for qty, sku, order, line in LISTED.findall(body.get_content())]
    return str(mail["Message-ID"]), Digest(stretches, lines, units, listed)


def untold(
    lines: Sequence[Line], begun: Mapping[int, int], recipients: Sequence[str], mails: Sequence[Mail]
) -> list[str]:
    """Say what somebody was not told of, told wrongly, or told twice as if it were new; a line each.

    `begun`: by partition, the first offset that is to be told of. Mails are those that arrived, and those that were
    refused for good and are kept.
    """
    contents: dict[str, bytes] = {}
    digests: dict[str, Digest] = {}
    got: dict[str, set[str]] = {recipient: set() for recipient in recipients}
    wrong = []
    for mail in mails:
        ref, digest = digest_of(mail.content)
        digests[ref] = digest
        if contents.setdefault(ref, mail.content) != mail.content:
            wrong.append(f"mail {ref} has come with other bytes")
        for recipient in mail.recipients:
            got[recipient].add(ref)
    wrong += [fault for ref, digest in digests.items() for fault in _totals(ref, digest, lines)]
    for recipient, refs in got.items():
        stretches = [stretch for ref in refs for stretch in digests[ref].stretches]
        wrong += [f"{recipient}: {fault}" for fault in _gaps(stretches, lines, begun)]
    return wrong


def _totals(ref: str, digest: Digest, lines: Sequence[Line]) -> Iterator[str]:
    meant = [line for line in lines if any(_holds(stretch, line) for stretch in digest.stretches)]
    units = sum(line.qty for line in meant)
    if (digest.lines, digest.units) != (len(meant), units):
        yield f"mail {ref} counts {digest.lines} lines, {digest.units} units; there are {len(meant)}, {units}"
    known = {(line.qty, line.sku, line.order_id, line.line) for line in meant}
    if strange := [row for row in digest.listed if row not in known]:
        yield f"mail {ref} lists what its events don't have: {strange[:3]}"
    if len(digest.listed) != min(len(meant), MOST_LISTED):
        yield f"mail {ref} lists {len(digest.listed)} of {len(meant)} lines"


def _gaps(stretches: Sequence[Stretch], lines: Sequence[Line], begun: Mapping[int, int]) -> Iterator[str]:
    for partition, start in begun.items():
        reached = start
        for stretch in sorted(stretch for stretch in stretches if stretch.partition == partition):
            if stretch.start < reached:
                yield f"partition {partition}: {stretch} is told of in another mail too, up to {reached}"
            reached = _jump(partition, reached, stretch, lines)
            if stretch.start > reached:
                yield f"partition {partition}: nothing tells of {reached} to {stretch.start}"
            reached = max(reached, stretch.end)
        if left := [line for line in lines if line.partition == partition and line.offset >= reached]:
            yield f"partition {partition}: {len(left)} lines from {reached} on are not told of: {left[0]}"


def _jump(partition: int, reached: int, stretch: Stretch, lines: Sequence[Line]) -> int:
    """Stretches without a line belong to no digest, and are nothing to tell of."""
    missed = any(line.partition == partition and reached <= line.offset < stretch.start for line in lines)
    return reached if missed else max(reached, stretch.start)


def _holds(stretch: Stretch, line: Line) -> bool:
    return stretch.partition == line.partition and stretch.start <= line.offset < stretch.end
