"""The failpoints there are, and how a setting says what happens at which: the syntax of fail(9), as fail-rs has it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

OFF, CRASH, DELAY, ERROR, SLOW, DOUBT = "off", "crash", "delay", "error", "slow", "doubt"

SIGNAL = (OFF, CRASH, DELAY)
"""What only tells something raises nothing."""

CALL = (*SIGNAL, ERROR, SLOW)
"""A call to the outside may fail."""

COMMIT = (*CALL, DOUBT)
COMMITTED = (*SIGNAL, ERROR, DOUBT)
"""What is committed can only have lost its answer: `error` is `doubt` with a code of its own."""


class Place(NamedTuple):
    """When a failpoint is reached, and which actions it takes."""

    reached: str
    takes: tuple[str, ...]


PLACES: Mapping[str, Place] = MappingProxyType(
    {
        "worker.assigned": Place("the group gave partitions to this process; none is claimed yet", SIGNAL),
        "worker.revoked": Place("the group took partitions away, a rebalance is under way", SIGNAL),
        "worker.fetched": Place("a batch of messages was received, nothing of it is decided", SIGNAL),
        "worker.before_log": Place("a partition was assigned, the broker is about to be asked for its log", CALL),
        "worker.before_claim": Place("a position row is about to be claimed", CALL),
        "worker.claimed": Place("the claim is committed, its answer not used yet", CALL),
        "worker.before_announce": Place("a suspect message is about to be announced", CALL),
        "worker.announced": Place("the announcement is committed, the message not tried yet", CALL),
        "worker.before_release": Place("a position row is about to be left in good order", CALL),
        "worker.released": Place("the release is committed", CALL),
        "worker.begun": Place("a batch's transaction has its connection", CALL),
        "worker.advanced": Place("the positions have moved in the open transaction", CALL),
        "worker.loaded": Place("what the batch needs is locked and loaded", CALL),
        "worker.before_commit": Place("the batch is decided, nothing of it is written yet", COMMIT),
        "worker.committed": Place("the batch is committed, the answer not used yet", COMMITTED),
        "relay.led": Place("the right to relay was won", CALL),
        "relay.fenced": Place("the publisher is open: init_transactions has fenced the older ones", CALL),
        "relay.recognised": Place("the topics' ids are held against those written down", CALL),
        "relay.cursor_read": Place("the cursor was read", CALL),
        "relay.before_started": Place("a database's first cursor is in Kafka, the database about to note it", CALL),
        "relay.page_read": Place("a page with rows to publish was read", CALL),
        "relay.begun": Place("a Kafka transaction was begun, nothing is produced", CALL),
        "relay.frames_produced": Place("the page's frames are produced, the cursor is not", CALL),
        "relay.cursor_produced": Place("the cursor is produced too, commit_transaction comes next", CALL),
        "relay.committed": Place("commit_transaction has returned, the new cursor is not used yet", CALL),
        "relay.before_trim": Place("published rows are about to be forgotten", CALL),
        "relay.trimmed": Place("published rows are forgotten", CALL),
        "replay.messages_produced": Place("`dlq replay` has produced a chunk of messages, the marks are not", CALL),
        "replay.marks_produced": Place("the chunk's marks are produced too, commit_transaction comes next", CALL),
        "replay.committed": Place("the chunk is committed, none of its letters told of yet", CALL),
        "projector.before_claim": Place("the copy of stock is about to be claimed", CALL),
        "projector.claimed": Place("the copy is claimed or another's, where it stands not used yet", CALL),
        "projector.begun": Place("an empty generation of the copy was begun", CALL),
        "projector.before_move": Place("events are read and folded, nothing of them is written", CALL),
        "projector.moved": Place("values and place have moved in Redis, the answer not used yet", CALL),
        "projector.differed": Place("Redis has other versions of some SKUs, nothing was written", CALL),
        "projector.before_swap": Place("a new generation has caught up, the old one is read from", CALL),
        "projector.swapped": Place("a new generation may be read from, the answer not used yet", CALL),
        "projector.swept": Place("generations that nobody reads from are forgotten", CALL),
        "notifier.before_begin": Place("the log's end is about to be written down, to read events from there", CALL),
        "notifier.begun": Place("it is written down, the process not ready yet", CALL),
        "notifier.before_put": Place("another place to read events from is about to be written down", CALL),
        "notifier.put": Place("it is written down, nothing is read yet", CALL),
        "notifier.before_collect": Place("events are read, nothing of them is kept", CALL),
        "notifier.collected": Place("lines and place are committed, the answer not used yet", CALL),
        "notifier.written": Place("a digest is written down whole, the answer not used yet", CALL),
        "notifier.before_send": Place("the try is counted, the mail server has heard of nothing", CALL),
        "notifier.sent": Place("the mail server has taken the mail, nobody has noted it", CALL),
        "notifier.settled": Place("the digest is settled, the answer not used yet", CALL),
    }
)

CODE = "FAILPOINT"
"""The fault's code when `error` names none."""

TERM = re.compile(r"(?:(\d+(?:\.\d+)?)%)?(?:(\d+)\*)?([a-z]+)(?:\(([^()]*)\))?")
SHAPE = "NAME=[P%][N*]ACTION[(ARGUMENT)][->...], separated by ;"


class Term(NamedTuple):
    """What happens at a reach: with this chance in percent, and at most so often (None: without end)."""

    action: str
    chance: float = 100
    times: int | None = None
    seconds: float = 0
    code: str = CODE


def parse(text: str) -> Mapping[str, Sequence[Term]]:
    """Read `APP_FAILPOINTS__POINTS`. Raises ValueError with a line for each fault."""
    points: dict[str, Sequence[Term]] = {}
    faults: list[str] = []
    for part in filter(None, map(str.strip, text.split(";"))):
        name, _, terms = (piece.strip() for piece in part.partition("="))
        try:
            if name in points:
                raise ValueError(f"{name!r} stands there twice; chain its actions with ->")  # noqa: TRY301 - one of several
            points[name] = list(_terms(name, terms))
        except ValueError as fault:
            faults.append(str(fault))
    if faults:
        raise ValueError("\n".join(faults))
    return points


def _terms(name: str, text: str) -> Iterator[Term]:
    place = PLACES.get(name)
    if place is None:
        raise ValueError(f"no failpoint {name!r}; there are {', '.join(PLACES)}")
    for piece in text.split("->"):
        match = TERM.fullmatch(piece.strip())
        if match is None:
            raise ValueError(f"{piece.strip()!r} of {name} is no action")
        yield _term(name, place, *match.groups())


def _term(name: str, place: Place, chance: str | None, times: str | None, action: str, argument: str | None) -> Term:
    if action not in place.takes:
        raise ValueError(f"{name} takes no {action!r}, but {', '.join(place.takes)}")
    if chance and float(chance) > 100:  # noqa: PLR2004 - percent
        raise ValueError(f"{chance}% of {name} is more than 100%")
    term = Term(action, float(chance or 100), None if times is None else int(times))
    if action == DELAY:
        return term._replace(seconds=_seconds(name, argument))
    if argument is not None and action != ERROR:
        raise ValueError(f"{action} of {name} takes no argument")
    if argument is not None and not re.fullmatch(r"\w{1,40}", argument):
        raise ValueError(f"error({argument}) of {name} names no code: 1 to 40 letters, digits or _")
    return term._replace(code=argument or CODE)


def _seconds(name: str, argument: str | None) -> float:
    if not re.fullmatch(r"\d{1,5}(\.\d{1,6})?|\.\d{1,6}", argument or ""):
        raise ValueError(f"delay of {name} needs its seconds, for instance delay(0.5)")
    return float(argument or 0)
