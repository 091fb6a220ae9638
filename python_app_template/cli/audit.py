"""`audit`: messages, events, dead letters and tables held against each other, on a service that goes on."""

import asyncio
import time
from typing import Annotated

import typer
from rich.markup import escape

from python_app_template.audit.checker import Findings, examine
from python_app_template.cli.faults import CommandFailed
from python_app_template.cli.output import BAD, GOOD, Json, Screen, for_programs, write_json
from python_app_template.cli.registering import command, settings_of
from python_app_template.exit_codes import ExitCode

EXAMPLES = (
    "python-app-template audit",
    "python-app-template audit --limit 0 --json | jq .violations",
    "python-app-template audit --wait 60",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, audit, "audit", "Hold messages, events and tables against each other", EXAMPLES)


def audit(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=0, help="Show so many differences at the most.")] = 20,
    wait: Annotated[float, typer.Option(min=0, help="Seconds for the relay to publish what is committed.")] = 10,
    json: Json = False,
) -> None:
    """Hold all messages, events, dead letters and tables against each other, while the service goes on.

    Takes one moment of the database, reads the topics up to it, and applies the contract to every message by itself.
    Events that are committed and not published within --wait are taken out of the outbox. What retention has taken is
    not checked, and said. So is what operators skipped or had done again (`positions set`). Changes nothing. Exit 4
    when something is wrong.
    """
    from python_app_template.cli.gathering import gather  # noqa: PLC0415 - slow to import: no other command waits
    from python_app_template.service import READ_TABLES  # noqa: PLC0415 - likewise

    settings, began = settings_of(context), time.monotonic()
    gathered = asyncio.run(gather(settings, READ_TABLES, wait))
    findings = examine(gathered.evidence)
    show(findings, gathered.pending, limit, time.monotonic() - began, as_json=for_programs(json))
    if findings.violations:
        raise CommandFailed(f"{len(findings.violations)} violations", ExitCode.WANTING)


def show(findings: Findings, pending: int, limit: int, seconds: float, *, as_json: bool) -> None:
    """Say what was looked at, what is wrong with it, and what could not be checked."""
    counts = {name: getattr(findings, name) for name in ("messages", "events", "dead_letters", "rows")}
    shown = findings.violations[:limit]
    if as_json:
        write_json(*({"kind": "violation", "about": kind, "text": text} for kind, text in shown))
        write_json(*({"kind": "by_hand", "about": kind, "text": text} for kind, text in findings.by_hand))
        about = {"violations": len(findings.violations), "by_hand": len(findings.by_hand)}
        rest = {"unchecked": findings.unchecked, "seconds": round(seconds, 3)}
        write_json({"kind": "summary", **counts, "pending": pending, **about, **rest})
        return
    screen = Screen()
    for violation in shown:
        screen.print(BAD, escape(str(violation)), soft_wrap=True)
    if len(shown) < len(findings.violations):
        screen.print(f"  and {len(findings.violations) - len(shown):,} more (--limit)")
    looked = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
    screen.print(f"looked at {looked} in {seconds:.1f} s", soft_wrap=True)
    if pending:
        screen.print(f"{pending:,} records are committed and not published yet; they were taken out of the outbox")
    for _, text in findings.by_hand:
        screen.print(f"by hand: {escape(text)}", soft_wrap=True)
    for what, count in findings.unchecked.items():
        screen.print(f"not checked: {count:,} {what}", soft_wrap=True)
    if not findings.violations:
        but = " but by an operator" if findings.by_hand else ""
        screen.print(
            GOOD, f"nothing lost, nothing doubled, nothing out of order{but}; the tables are what the events say"
        )
