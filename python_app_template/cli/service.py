"""`serve`, `preflight`, `settings`: the service itself, what it needs, and how it is set."""

import asyncio

import typer

from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.cli.output import BAD, DOUBTFUL, GOOD, Json, Screen, for_programs, table, write_json
from python_app_template.cli.registering import command, settings_of
from python_app_template.exit_codes import ExitCode
from python_app_template.preflight import Finding, preflight, wanting
from python_app_template.settings import Settings, explained

SERVE = ("python-app-template serve", "python-app-template serve --set http.port=0 --set log.format=console")
PREFLIGHT = ("python-app-template preflight", "python-app-template preflight --set preflight.wait_seconds=0")
SETTINGS = ("python-app-template settings", "python-app-template settings --json | jq 'select(.origin != \"default\")'")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, serve, "serve", "Serve until stopped", SERVE)
    command(app, check, "preflight", "Check what the service needs before it starts", PREFLIGHT)
    command(app, settings, "settings", "Show every setting, and where it came from", SETTINGS)


def serve(context: typer.Context) -> None:
    """Serve until stopped, as `python -m python_app_template` does: messages in, events out, metrics and health."""
    from python_app_template import __main__  # noqa: PLC0415 - slow to import: no other command waits for it

    raise typer.Exit(__main__.main(context.find_root().obj))


def check(context: typer.Context, *, json: Json = False) -> None:
    """Make the checks that the service makes before it starts, and change nothing.

    What is away is waited for, as serve would (APP_PREFLIGHT__WAIT_SECONDS). Exit 3 when something is wanting.
    """
    findings = asyncio.run(_look(settings_of(context), as_json=for_programs(json)))
    if wanting(findings):
        raise typer.Exit(ExitCode.PREFLIGHT)


def settings(context: typer.Context, *, json: Json = False) -> None:
    """Show every setting, secrets masked, and where it came from."""
    rows = explained(settings_of(context))
    if for_programs(json):
        write_json(*(row._asdict() for row in rows))
    else:
        Screen().print(table(("Variable", "Value", "From"), rows))


async def _look(settings: Settings, *, as_json: bool) -> list[Finding]:
    from python_app_template.app import open_checks  # noqa: PLC0415 - likewise

    findings = []
    set_by_hand = sum(row.origin != "default" for row in explained(settings))
    _show(Finding("settings", ok=True, found=f"ok, {set_by_hand} of them not the default", remedy=""), as_json=as_json)
    async with open_checks(settings) as checks:
        async for finding in preflight(checks, settings.preflight.wait_seconds, SystemClock()):
            _show(finding, as_json=as_json)
            findings.append(finding)
    return findings


def _show(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        write_json(finding._asdict())
    else:
        mark = (DOUBTFUL if finding.remedy else GOOD) if finding.ok else BAD
        Screen().print(mark, finding.line(), markup=True, soft_wrap=True)
