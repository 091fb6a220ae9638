"""`dlq`: the dead letters listed, shown, and returned to the input topic."""

import asyncio
import sys
from collections import Counter
from collections.abc import Collection, Coroutine
from contextlib import aclosing
from typing import Annotated, Any, TypeVar

import typer

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.dead_letters import KafkaDeadLetters, open_returns
from python_app_template.cli.faults import CommandFailed, servers_needed
from python_app_template.cli.lettering import COLUMNS, cells, page, row, whole
from python_app_template.cli.output import Json, Screen, for_programs, say, table, write_json
from python_app_template.cli.oversized import oversized
from python_app_template.cli.reading import ANSWER_SECONDS
from python_app_template.cli.registering import command, exemplified, settings_of
from python_app_template.cli.selecting import (
    Keys,
    Limit,
    OriginOffsets,
    OriginPartition,
    Reasons,
    Since,
    Until,
    place,
    selection,
)
from python_app_template.core.delivery.returning import Fate, Letter, Place, Selection
from python_app_template.core.use_cases.replay_dead_letters import Bounds, ReplayDeadLetters
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

T = TypeVar("T")

DLQ = "python-app-template dlq"
LIST = (
    f"{DLQ} list --count",
    f"{DLQ} list --reason failed --since 2026-11-20T20:00:00Z",
    f"{DLQ} list --partition 2 --offset 1000-2000 --json | jq .detail",
)
SHOW = (f"{DLQ} show 0 17", f"{DLQ} show --origin 2:1041", f"{DLQ} show 0 17 --raw > message.json")
REPLAY = (
    f"{DLQ} replay --reason failed --since 2026-11-20 --dry-run",
    f"{DLQ} replay --reason failed --since 2026-11-20",
    f"{DLQ} replay 0:17 2:5 --max-attempts 10",
)
COUNT_COLUMNS = ("Reason", "Letters", "Returned")


def register(app: typer.Typer) -> None:
    """Add the commands below `dlq`."""
    group = typer.Typer(rich_markup_mode="rich")
    group.callback(
        help="Look at the dead letters, and return them.", epilog=exemplified([LIST[0], SHOW[0], REPLAY[0]])
    )(dlq)
    command(group, show_all, "list", "List them, or count them by reason", LIST)
    command(group, show_one, "show", "Show one with its headers and its value", SHOW)
    command(group, replay, "replay", "Return them to the input topic, each once", REPLAY)
    app.add_typer(group, name="dlq", short_help="List, show and replay dead letters")


def dlq() -> None:
    """Do nothing by itself."""


def show_all(
    context: typer.Context,
    *,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    partition: OriginPartition = None,
    offset: OriginOffsets = None,
    key: Keys = None,
    limit: Limit = None,
    count: Annotated[bool, typer.Option("--count", help="Only how many there are of each reason.")] = False,
    json: Json = False,
) -> None:
    """List the dead letters that are there now, each partition from its start, and whether they were returned.

    Each option narrows the list down; reasons and keys may be given several times. --since and --until go by the time
    at which a message became a dead letter, --partition and --offset by where it came from in the input topic.
    """
    settings, as_json = settings_of(context), for_programs(json)
    found = _run(settings, _list(settings, selection(reason, since, until, partition, offset, key), limit))
    if not found:
        say("no dead letter matches")
    elif count:
        _show_count(found, as_json=as_json)
    elif as_json:
        write_json(*(row(letter, returned=returned) for letter, returned in found))
    else:
        rows = [(*cells(letter), "yes" if returned else "no", letter.detail) for letter, returned in found]
        Screen().print(table((*COLUMNS, "Returned", "Detail"), rows, right=("Attempts",)))


def show_one(
    context: typer.Context,
    partition: Annotated[int | None, typer.Argument(min=0, help="The dead letter's own partition.")] = None,
    offset: Annotated[int | None, typer.Argument(min=0, help="And its offset there.")] = None,
    *,
    origin: Annotated[
        Place | None,
        typer.Option(parser=place, metavar="PARTITION:OFFSET", help="Where it came from in the input topic, instead."),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Only the bytes of its value.")] = False,
    json: Json = False,
) -> None:
    """Show a dead letter: what was wrong with it, its headers, its value; the bytes of one that was too large, too.

    A value that is JSON is printed with indents, other text as it is, anything else in hex. Exit 2 when there is none.
    """
    if (origin is None) == (partition is None) or (partition is None) != (offset is None):
        raise typer.BadParameter("either both numbers or --origin", param_hint="PARTITION OFFSET")
    own = Place(partition, offset) if partition is not None and offset is not None else None
    settings = settings_of(context)
    letter, returned = _run(settings, _find(settings, own, origin))
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
    elif for_programs(json):
        write_json(whole(letter, returned=returned))
    else:
        for line in page(letter, settings.kafka.dead_letter_topic, returned=returned):
            Screen().print(line, markup=False, soft_wrap=True)


def replay(
    context: typer.Context,
    places: Annotated[
        list[Place] | None,
        typer.Argument(parser=place, metavar="PARTITION:OFFSET", help="Only these dead letters, by their own places."),
    ] = None,
    *,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    partition: OriginPartition = None,
    offset: OriginOffsets = None,
    key: Keys = None,
    limit: Limit = None,
    most: Annotated[
        int, typer.Option("--max-attempts", min=1, help="Leave those that were returned so often already.")
    ] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    json: Json = False,
) -> None:
    """Return dead letters to the input topic: all, or those that the places and options select, as `dlq list` does.

    Key, value and headers are as they were first received; dlq.attempts counts the returns, dlq.returned-from says
    which dead letter it was. Each goes back once, however often this is interrupted and repeated: what was returned
    before is passed over and counted. A second replay that is started meanwhile takes over from the first.
    """
    settings = settings_of(context)
    wanted = selection(reason, since, until, partition, offset, key, places)
    bounds = Bounds(settings.kafka.input_topic, most, limit, chunk_bytes=settings.outbox.page_bytes)
    report = _Report(settings, as_json=for_programs(json), dry_run=dry_run)
    try:
        _run(settings, _replay(settings, bounds, wanted, report))
    except CommandFailed as fault:
        if report.sent and not dry_run:
            raise CommandFailed(f"{fault.line}; {report.sent} were returned: run it again for the rest") from fault
        raise
    report.end()


class _Report:
    """Tells of each letter but those returned before and, unless it is a rehearsal, those sent; counts all."""

    def __init__(self, settings: Settings, *, as_json: bool, dry_run: bool) -> None:
        self._settings, self._as_json, self.dry_run = settings, as_json, dry_run
        self._count: Counter[Fate] = Counter()

    def __call__(self, letter: Letter, fate: Fate) -> None:
        self._count[fate] += 1
        if fate is Fate.RETURNED or (fate is Fate.SENT and not self.dry_run and not self._as_json):
            return
        outcome = "would be sent" if fate is Fate.SENT and self.dry_run else fate.value
        if self._as_json:
            write_json(row(letter, outcome=outcome))
        else:
            Screen().print(f"{letter.place}  {outcome}: {letter.reason} {letter.detail}", markup=False, soft_wrap=True)

    @property
    def sent(self) -> int:
        """How many were returned."""
        return self._count[Fate.SENT]

    def end(self) -> None:
        """Say how many became what."""
        if not self._count:
            say("no dead letter matches")
            return
        verb = "would be sent" if self.dry_run else "sent"
        others = [f"{number:,} {fate.value}" for fate, number in self._count.items() if fate is not Fate.SENT]
        say("; ".join([f"{self.sent:,} {verb} to {self._settings.kafka.input_topic}", *others]))


async def _list(settings: Settings, wanted: Selection, limit: int | None) -> list[tuple[Letter, bool]]:
    source = KafkaDeadLetters(settings, KafkaAdmin(settings, ANSWER_SECONDS))
    returned = await source.returned()
    found: list[tuple[Letter, bool]] = []
    async with aclosing(source.letters()) as pages:
        async for letters in pages:
            # Their values and headers are not shown, and may be large.
            found += [(letter.without_body(), letter.place in returned) for letter in letters if wanted.takes(letter)]
            if limit is not None and len(found) >= limit:
                break
    return found[:limit]


async def _find(settings: Settings, own: Place | None, origin: Place | None) -> tuple[Letter, bool]:
    source = KafkaDeadLetters(settings, KafkaAdmin(settings, ANSWER_SECONDS))
    letter = await (source.at(own) if own else _made_of(source, origin))
    if letter is None:
        where = own or f"made of {origin}"
        raise CommandFailed(
            f"{settings.kafka.dead_letter_topic} has no dead letter {where}; see `dlq list`", ExitCode.SETTINGS
        )
    async with oversized(settings) as kept:
        value = None if letter.truncated is None else await kept.value(letter)
    return letter if value is None else letter.with_value(value), letter.place in await source.returned()


async def _made_of(source: KafkaDeadLetters, origin: Place | None) -> Letter | None:
    """Return the last one that was made of this record: a topic made anew counts from 0 again."""
    last = None
    async with aclosing(source.letters()) as pages:
        async for letters in pages:
            for letter in letters:
                if letter.origin and (letter.origin.partition.number, letter.origin.offset) == origin:
                    last = letter
    return last


async def _replay(settings: Settings, bounds: Bounds, wanted: Selection, report: _Report) -> None:
    admin = KafkaAdmin(settings, ANSWER_SECONDS)
    async with oversized(settings) as kept:
        replaying = ReplayDeadLetters(
            KafkaDeadLetters(settings, admin), open_returns(settings, admin), kept, bounds, report
        )
        await (replaying.rehearse(wanted) if report.dry_run else replaying(wanted))


def _show_count(found: Collection[tuple[Letter, bool]], *, as_json: bool) -> None:
    letters = Counter(letter.reason for letter, _ in found)
    returned = Counter(letter.reason for letter, was in found if was)
    if as_json:
        write_json(*({"reason": r, "letters": n, "returned": returned[r]} for r, n in letters.most_common()))
    else:
        rows = [(reason or "-", f"{n:,}", f"{returned[reason]:,}") for reason, n in letters.most_common()]
        Screen().print(table(COUNT_COLUMNS, rows, right=COUNT_COLUMNS[1:]))


def _run(settings: Settings, work: Coroutine[Any, Any, T]) -> T:
    with servers_needed(settings):
        return asyncio.run(work)
