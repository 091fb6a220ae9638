"""`positions`: what has been consumed and published, against the topics; and moving that."""

import asyncio
from collections.abc import Sequence
from typing import Any

import typer

from python_app_template.cli import moving
from python_app_template.cli.desk import at_desk
from python_app_template.cli.faults import servers_needed
from python_app_template.cli.output import BAD, GOOD, Json, Screen, for_programs, table, write_json
from python_app_template.cli.registering import command, described, exemplified, settings_of
from python_app_template.core.use_cases.show_positions import Consumed, Published, ShowPositions
from python_app_template.settings import Settings

SHOW = "python-app-template positions"
COLUMNS = ("Topic", "Partition", "Group", "Next", "Start", "End", "Lag", "Epoch", "State")
NUMBERS = ("Partition", "Next", "Start", "End", "Lag", "Epoch")

STATES = {
    "": "ok",
    "unclaimed": "not consumed yet",
    "not_consumed": "no longer the input topic",
    "missing": "the topic has no such partition",
}
"""In words, what is no reason for a halt."""


def register(app: typer.Typer) -> None:
    """Add the command and the one below it."""
    group = typer.Typer(rich_markup_mode="rich")
    examples = [SHOW, f"{SHOW} --json | jq 'select(.lag > 0)'", moving.EXAMPLES[0]]
    group.callback(invoke_without_command=True, help=described(positions), epilog=exemplified(examples))(positions)
    command(group, moving.move, "set", "Move a position or the published cursor", moving.EXAMPLES)
    app.add_typer(group, name="positions", short_help="Show how far all is consumed and published; move that")


def positions(context: typer.Context, *, json: Json = False) -> None:
    """Show what has been consumed of each partition, and how far events have been published.

    A state other than ok is the reason for which the part is halted, or would be: docs/operations.md has each. What
    is shown is what is committed at this moment; nobody is disturbed. `positions set` moves it.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_of(context)
    with servers_needed(settings):
        consumed, way_out = asyncio.run(look(settings))
    if for_programs(json):
        write_json(*map(_row, consumed), _way_out(settings, way_out))
    else:
        _print(settings, consumed, way_out)


async def look(settings: Settings) -> tuple[Sequence[Consumed], Published]:
    """Ask database and broker. Raises TransientError, FatalError."""
    kafka = settings.kafka
    async with at_desk(settings) as desk:
        show = ShowPositions(
            desk.moves,
            desk.logs,
            desk.outbox,
            desk.look_at_cursor,
            group=kafka.group_id,
            consumed=kafka.input_topic,
            written=[kafka.output_topic, kafka.dead_letter_topic, kafka.positions_topic],
        )
        return await show.consumed(), await show.published()


def _row(found: Consumed) -> dict[str, Any]:
    row, log = found.row, found.log
    return {
        "topic": found.partition.topic,
        "partition": found.partition.number,
        "group": row.group if row else None,
        "next_offset": row.next_offset if row else None,
        "log_start": log.start if log else None,
        "log_end": log.end if log else None,
        "lag": found.lag,
        "epoch": row.epoch if row else None,
        "claims": row.claims if row else None,
        "state": found.state or "ok",
    }


def _way_out(settings: Settings, found: Published) -> dict[str, Any]:
    waiting = found.waiting
    return {
        "topic": settings.kafka.positions_topic,
        "published": found.cursor.number if found.cursor else None,
        "first_row": found.first,
        "committed": found.last,
        "pending_rows": waiting.rows,
        "pending_bytes": waiting.bytes,
        "pending_seconds": round(waiting.seconds, 3),
        "state": found.halted.reason if found.halted else "ok",
        "detail": str(found.halted) if found.halted else "",
    }


def _print(settings: Settings, consumed: Sequence[Consumed], way_out: Published) -> None:
    screen = Screen()
    screen.print(table(COLUMNS, map(_cells, consumed), right=NUMBERS))
    mark, waiting = (BAD if way_out.halted else GOOD), way_out.waiting
    number = way_out.cursor.number if way_out.cursor else "none"
    screen.print(f"{mark} published: {number} of {way_out.last}, as {settings.kafka.positions_topic} says")
    if waiting.rows:
        screen.print(
            f"  pending: {waiting.rows:,} rows, {waiting.bytes:,} bytes, the oldest {waiting.seconds:.1f} s old"
        )
    if way_out.halted:
        screen.print(str(way_out.halted), markup=False, soft_wrap=True)


def _cells(found: Consumed) -> Sequence[str]:
    row = _row(found)
    names = ("topic", "partition", "group", "next_offset", "log_start", "log_end", "lag", "epoch")
    values = ["-" if row[name] is None else str(row[name]) for name in names]
    return [*values, STATES.get(found.state, found.state)]
