"""What was answered to writes over HTTP, held against the messages and dead letters that are there. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from python_app_template.audit.delivery import origin_of, reason_of
from python_app_template.audit.evidence import Place, Record

REQUEST_ID = "x-request-id"


class Outcome(StrEnum):
    """How a write was answered."""

    ACKNOWLEDGED = "acknowledged"
    UNKNOWN = "unknown"
    """503 with `outcome`, or no answer at all: it may be there, once."""
    REFUSED = "refused"
    """Nothing of it may be there."""
    WRONG = "wrong"
    """No answer that the contract knows."""


class Write(NamedTuple):
    """A write, by its request's id, and what its answer said."""

    request_id: str
    outcome: Outcome
    names: Mapping[str, str]
    command_id: str = ""
    said: str = "pending"
    """The command's status; of a wrong one, the answer."""


Answers: TypeAlias = Mapping[str, Mapping[str, Any]]
"""By command id, what the API says of it in the end."""


def unkept(
    writes: Sequence[Write], messages: Sequence[Record], dead_letters: Sequence[Record], answers: Answers
) -> Iterator[str]:
    """Say which promise was not kept, a line each."""
    sent: dict[str, list[Record]] = {}
    for message in messages:
        if (given := dict(message.headers).get(REQUEST_ID)) is not None:
            sent.setdefault(given.decode(), []).append(message)
    reasons = {origin_of(letter): reason_of(letter) for letter in dead_letters}
    for write in writes:
        for fault in _faults(write, sent.get(write.request_id, []), reasons, answers.get(write.command_id, {})):
            yield f"request {write.request_id} ({write.outcome} {write.command_id}): {fault}"


def _faults(
    write: Write, found: Sequence[Record], reasons: Mapping[Place | None, str], answer: Mapping[str, Any]
) -> Iterator[str]:
    places = [(message.partition, message.offset) for message in found]
    match write.outcome:
        case Outcome.WRONG:
            yield f"was answered with {write.said}"
        case Outcome.REFUSED if places:
            yield f"was refused, and is there: {places}"
        case Outcome.UNKNOWN if len(places) > 1:
            yield f"is there more than once: {places}"
        case Outcome.ACKNOWLEDGED if places != [place_of(write.command_id)]:
            yield f"is not there once at its place, but at {places}"
        case Outcome.ACKNOWLEDGED:
            yield from _told(write, reasons.get(places[0]), answer)
    yield from (f"has become another message: {record.value!r}" for record in found if not _is_about(record, write))


def _told(write: Write, reason: str | None, answer: Mapping[str, Any]) -> Iterator[str]:
    """Hold what is said of a command against what became of it."""
    became = "applied" if reason is None else "dead_lettered"
    if answer.get("status") != became or answer.get("reason") != reason:
        yield f"became {became} {reason or ''}, and the command says {dict(answer)}"
    if write.said not in {"pending", became}:
        yield f"became {became}, and the write was answered with {write.said}"


def _is_about(record: Record, write: Write) -> bool:
    body = json.loads(record.value or b"{}")
    return all(body.get(name) == value for name, value in write.names.items())


def place_of(command_id: str) -> Place:
    """Return the place that a command's id names."""
    partition, offset, _ = command_id.split("-", 2)
    return int(partition), int(offset)
