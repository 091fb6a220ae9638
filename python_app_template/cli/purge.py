"""`purge`: forgets what is done with, and its ids."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer

from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.adapters.secondary.postgres.forgetting import PostgresForgetting
from python_app_template.cli.faults import CommandFailed, servers_needed
from python_app_template.cli.output import GOOD, Json, Screen, counting, for_programs, write_json
from python_app_template.cli.registering import command, settings_of
from python_app_template.cli.selecting import milliseconds
from python_app_template.core.use_cases.purge import CannotPurge, Purge
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

EXAMPLES = (
    "python-app-template purge --before 2026-01-01 --dry-run",
    "python-app-template purge --before 2026-01-01",
)

Before = Annotated[
    int,
    typer.Option(parser=milliseconds, metavar="DATE", help="A date (its beginning in UTC), or an instant (RFC 3339)."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, purge, "purge", "Forget what is done with", EXAMPLES)


def purge(
    context: typer.Context,
    *,
    before: Before,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and forget nothing.")] = False,
    json: Json = False,
) -> None:
    """Forget orders that are done with, and the bytes of oversized dead letters, of before a date.

    An order is done with when none of its lines holds units any more: each is out of stock, rejected, or was taken
    off. What counts is when it was placed or cancelled here, whichever was later. Once it is forgotten the same order
    is a new one, and a cancellation of it an unknown_order. Orders with allocated lines stay.

    The service may run meanwhile. What is interrupted may be repeated.
    """
    settings, as_json = settings_of(context), for_programs(json)
    instant = datetime.fromtimestamp(before / 1000, UTC)
    try:
        with servers_needed(settings):
            forgotten = asyncio.run(_purge(settings, instant, dry_run=dry_run))
    except CannotPurge as fault:
        raise CommandFailed(str(fault), ExitCode.SETTINGS) from fault
    if as_json:
        write_json({"before": instant, "dry_run": dry_run, **forgotten})
        return
    counts = ", ".join(f"{number:,} {kind}" for kind, number in forgotten.items())
    Screen().print(f"{GOOD} {'would be forgotten' if dry_run else 'forgotten'}: {counts}", soft_wrap=True)


async def _purge(settings: Settings, before: datetime, *, dry_run: bool) -> Mapping[str, int]:
    from python_app_template.service import SERVICE  # noqa: PLC0415 - slow to import: no other command waits for it

    engine = create_engine(settings.database, settings.service_name)
    with counting("looked at") as progress:
        bar = progress.add_task("purge", total=None)
        try:
            run = Purge(PostgresForgetting(engine, SERVICE.forget), SystemClock())
            return await run(before, dry_run=dry_run, looked_at=lambda number: progress.advance(bar, number))
        finally:
            await engine.dispose()
