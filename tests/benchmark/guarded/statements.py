"""What a batch asks of PostgreSQL: statements by kind, round trips, bytes; and the same for a page of the relay's."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from tests.benchmark.guarded.tap import Asked, Session

Transaction: TypeAlias = Sequence[Asked]

WAITED_FOR: Final = frozenset("QSHc")
"""Messages after which the client waits: a simple query, Sync, Flush, and the end of a COPY's data."""

WARM: Final = 5
"""Transactions of a session after which its statements are prepared, and it knows all SKUs."""

BY_THE_CLOCK: Final = frozenset({"select outbox_head, outbox", "delete outbox"})

_WRITES: Final = re.compile(r"\b(INSERT INTO|(?<!KEY )(?<!DO )UPDATE|DELETE FROM|COPY)\s+\"?([a-z_]+)", re.IGNORECASE)
_READS: Final = re.compile(r"\b(?:FROM|JOIN)\s+\"?([a-z_]+)\b\"?(?!\s*\()", re.IGNORECASE)


def kind(sql: str) -> str:
    """Name a statement by what it does to which tables: `insert orders`, `lock products`, `commit`."""
    if written := [f"{verb.split()[0]} {table}".lower() for verb, table in _WRITES.findall(sql)]:
        return ", ".join(dict.fromkeys(written))
    if read := dict.fromkeys(_READS.findall(sql)):
        return f"{'lock' if 'FOR NO KEY UPDATE' in sql else 'select'} {', '.join(read)}"
    return " ".join(re.findall(r"\w+", sql)[:1]).lower()


def transactions(session: Session) -> Iterator[Transaction]:
    """Cut at BEGIN and COMMIT or ROLLBACK; what stands by itself is a transaction of one statement."""
    inside: list[Asked] = []
    is_open = False
    for asked in session.asked:
        inside.append(asked)
        done = kind(asked.sql) if asked.sql else ""
        is_open = (is_open or done == "begin") and done not in {"commit", "rollback"}
        if not is_open and asked.kind in "QS":
            yield inside
            inside = []


def kinds(transaction: Transaction) -> Counter[str]:
    """Count its statements."""
    return Counter(kind(asked.sql) for asked in transaction if asked.sql)


def of_batches(sessions: Iterable[Session]) -> list[Transaction]:
    """Return those that decide a batch, and are warm: they move positions that are there, and commit."""
    found = []
    for session in sessions:
        deciding = [t for t in transactions(session) if _decides(kinds(t))]
        found += deciding[WARM:]
    return found


def _decides(found: Counter[str]) -> bool:
    return "commit" in found and {"update positions", "insert outbox"} <= _parts(found)


def of_pages(sessions: Iterable[Session]) -> list[Transaction]:
    """Return what reads pages; the first ones left out, and the last, that found none.

    What the relay does by the clock (trim, recognise its topics, count what is pending, look again for what was not
    there) is not a page's.
    """
    all_of_them = sorted((t for session in sessions for t in transactions(session)), key=lambda t: t[0].place)
    reading = [t for t in all_of_them if any("outbox" in name and name not in BY_THE_CLOCK for name in kinds(t))]
    return [t for before, t in pairwise(reading) if _values(t) != _values(before)][WARM:-1]


def looks(pages: Iterable[Transaction]) -> int:
    """Count the pages by the statement that reads each."""
    return sum(kinds(t)["select outbox"] for t in pages)


def _values(transaction: Transaction) -> list[bytes]:
    """Return what its statements are bound to: whoever looks again, asks the same."""
    return [asked.values for asked in transaction]


def _parts(found: Counter[str]) -> set[str]:
    """Return the kinds, those of a statement that writes several tables each by itself."""
    return {part for name in found for part in name.split(", ")}


def figures(taken: Sequence[Transaction], count: int, what: str) -> dict[str, float]:
    """Return statements by kind, round trips and bytes; a share of `count`, which is named by `what`."""
    assert count, f"no {what} was seen"
    statements = sum((kinds(t) for t in taken), Counter[str]())
    trips = sum(asked.kind in WAITED_FOR for t in taken for asked in t)
    sent = sum(asked.size for t in taken for asked in t)
    return {
        **{f"statements per {what}/{name}": number / count for name, number in sorted(statements.items())},
        f"statements per {what}/all": statements.total() / count,
        f"round trips per {what}": trips / count,
        f"bytes sent per {what}": sent / count,
    }
