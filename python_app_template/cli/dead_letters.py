"""`dlq`: the dead letters listed, shown, and returned to the input topic."""

import asyncio
import sys
from collections import Counter
from collections.abc import Collection
from contextlib import aclosing
from typing import Annotated

import typer

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.dead_letters import KafkaDeadLetters
from python_app_template.cli import returning
from python_app_template.cli.faults import CommandFailed, servers_needed
from python_app_template.cli.lettering import COLUMNS, cells, page, row, whole
from python_app_template.cli.output import Json, Screen, for_programs, say, table, write_json
from python_app_template.cli.oversized import oversized
from python_app_template.cli.reading import ANSWER_SECONDS
from python_app_template.cli.registering import command, exemplified, settings_of
from python_app_template.cli.selecting import Limit, place, selecting
from python_app_template.core.delivery.returning import Letter, Place, Selection
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

DLQ = "python-app-template dlq"
LIST = (
    f"{DLQ} list --count",
    f"{DLQ} list --reason failed --since 2026-11-20T20:00:00Z",
    f"{DLQ} list --partition 2 --offset 1000-2000 --json | jq .detail",
)
SHOW = (f"{DLQ} show 0 17", f"{DLQ} show --origin 2:1041", f"{DLQ} show 0 17 --raw > message.json")
COUNT_COLUMNS = ("Reason", "Letters", "Returned")


def register(app: typer.Typer) -> None:
    """Add the commands below `dlq`."""
    group = typer.Typer(rich_markup_mode="rich")
    group.callback(
        help="Look at the dead letters, and return them.", epilog=exemplified([LIST[0], SHOW[0], returning.EXAMPLES[0]])
    )(dlq)
    command(group, show_all, "list", "List them, or count them by reason", LIST)
    command(group, show_one, "show", "Show one with its headers and its value", SHOW)
    command(group, returning.replay, "replay", "Return them to the input topic, each once", returning.EXAMPLES)
    app.add_typer(group, name="dlq", short_help="List, show and replay dead letters")


def dlq() -> None:
    """Do nothing by itself."""


@selecting
def show_all(
    context: typer.Context,
    *,
    wanted: Selection,
    limit: Limit = None,
    count: Annotated[bool, typer.Option("--count", help="Only how many there are of each reason.")] = False,
    json: Json = False,
) -> None:
    """List the dead letters that are there now, each partition from its start, and whether they were returned.

    Each option narrows the list down; reasons and keys may be given several times. --since and --until go by the time
    at which a message became a dead letter, --partition and --offset by where it came from in the input topic.
    """
    settings, as_json = settings_of(context), for_programs(json)
    with servers_needed(settings):
        found = asyncio.run(_list(settings, wanted, limit))
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
    with servers_needed(settings):
        letter, returned = asyncio.run(_find(settings, own, origin))
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
    elif for_programs(json):
        write_json(whole(letter, returned=returned))
    else:
        for line in page(letter, settings.kafka.dead_letter_topic, returned=returned):
            Screen().print(line, markup=False, soft_wrap=True)


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


def _show_count(found: Collection[tuple[Letter, bool]], *, as_json: bool) -> None:
    letters = Counter(letter.reason for letter, _ in found)
    returned = Counter(letter.reason for letter, was in found if was)
    if as_json:
        write_json(*({"reason": r, "letters": n, "returned": returned[r]} for r, n in letters.most_common()))
    else:
        rows = [(reason or "-", f"{n:,}", f"{returned[reason]:,}") for reason, n in letters.most_common()]
        Screen().print(table(COUNT_COLUMNS, rows, right=COUNT_COLUMNS[1:]))
