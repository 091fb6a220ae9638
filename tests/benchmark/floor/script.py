"""A recording as a script: who does what in which order, and where one has to wait for another."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from python_app_template.adapters.secondary.postgres import outbox, positions
from tests.benchmark.floor.recording import (
    FAILED,
    RELAY,
    START,
    WORKER,
    Act,
    Call,
    Produced,
    Recording,
    Transaction,
)


def as_asked(statement: TextClause) -> str:
    """Return the text that the driver is given."""
    return str(statement.compile(dialect=dialect()))  # type: ignore[no-untyped-call] # SQLAlchemy's


ADVANCE, PAGE = as_asked(positions.ADVANCE), as_asked(outbox.PAGE)
"""The two statements that tell where a batch begins, and where the relay looks for more and reads on."""


class Fetch(NamedTuple):
    """Have so many messages consumed, and the next ones meanwhile."""

    messages: int


class Await(NamedTuple):
    """Ask how far is committed until it is this row of the outbox."""

    number: int


A = TypeVar("A", bound=Act)
Step: TypeAlias = Call | Transaction | Fetch | Await


class Script(NamedTuple):
    """What one process does: `start` first, then all others side by side; looks at their time."""

    start: Sequence[Call]
    worker: Sequence[Step]
    relay: Sequence[Step]
    looks: Mapping[str, Sequence[Call]]
    pool: int
    session: Mapping[str, Any]

    @property
    def messages(self) -> int:
        """Of all batches."""
        return sum(step.messages for step in self.worker if isinstance(step, Fetch))

    @property
    def records(self) -> int:
        """Of all Kafka transactions, but for their cursors."""
        return sum(step.count for step in self.relay if isinstance(step, Transaction))


def script(recording: Recording, topics: Sequence[str]) -> Script:
    """Return what replays it, onto these topics: output, dead letters, positions."""
    streams: dict[str, list[Act]] = {START: [], WORKER: [], RELAY: []}
    for act in recording.acts:
        streams.setdefault(act.stream, []).append(act)
    start = [witness_alone(call) for call in only_calls(streams.pop(START)) if call.tag != FAILED]
    worker, relay = streams.pop(WORKER), streams.pop(RELAY)
    for call in only_calls([*worker, *relay]):
        if call.tag == FAILED:
            raise ValueError(f"the recorded run had a fault, and can not be a floor: {call.statement or call.args}")
    renamed = dict(zip(recording.topics, topics, strict=True))
    return Script(
        start,
        with_fetches(only_calls(worker)),
        with_waits(onto(renamed, relay)),
        {name: list(only_calls(acts)) for name, acts in streams.items()},
        recording.pool,
        recording.session,
    )


def only_calls(acts: Iterable[Act]) -> Iterable[Call]:
    """Return what goes to the database."""
    return (act for act in acts if isinstance(act, Call))


def begins(call: Call) -> bool:
    """Whether a transaction begins here."""
    return call.method == "execute" and str(call.args[0]).startswith("BEGIN")


def commits(call: Call) -> bool:
    """Whether one is committed here."""
    return call.method == "execute" and str(call.args[0]).startswith("COMMIT")


def with_fetches(calls: Iterable[Call]) -> Sequence[Step]:
    """Put before each batch's transaction what it waits for: its messages, as many as its positions move."""
    steps: list[Step] = []
    begun = 0
    for call in calls:
        if begins(call):
            begun = len(steps)
        if call.statement == ADVANCE:
            _topics, _partitions, _epochs, starts, ends = call.args
            steps.insert(begun, Fetch(sum(ends) - sum(starts)))
        steps.append(call)
    return steps


def with_waits(acts: Iterable[Act]) -> Sequence[Step]:
    """Put one wait where the relay looked again and again, before the look that found a page; let it be read as then.

    A faster worker would have committed more by now: a page of the same bounds would be larger, and read in vain.
    """
    steps: list[Step] = []
    looked: int | None = None
    for act in acts:
        if isinstance(act, Call) and act.statement == PAGE:
            if looked is not None:
                del steps[looked]  # it found nothing
            looked = len(steps)
        if isinstance(act, Transaction):
            if looked is None:
                raise ValueError("the relay asks in another way how far is committed than the replay knows")
            number = cursor_of(act)
            bound(cast(Call, steps[looked]), number)
            steps.insert(looked, Await(number))
            looked = None
        steps.append(witness_alone(act))
    return steps


def witness_alone(act: A) -> A:
    """Let a page that nothing was published of be as empty as it was."""
    if isinstance(act, Call) and act.statement == PAGE:
        bound(act, act.args[0])
    return act


def bound(page: Call, number: int) -> None:
    """Let a page end with this row."""
    after, _rows, size = page.args
    page.args = (after, number - after + 1, size)


def cursor_of(transaction: Transaction) -> int:
    """Return the number of the last row that is published in it."""
    (_topic, value, *_), _ = transaction.records[-1][1:]
    return int(json.loads(value)["number"])


def onto(topics: Mapping[str, str], acts: Iterable[Act]) -> Iterable[Act]:
    """Return the same, produced to other topics."""
    for act in acts:
        if isinstance(act, Transaction):
            act.records = [
                Produced(method, (topics[topic], *more), keywords) for method, (topic, *more), keywords in act.records
            ]
        yield act
