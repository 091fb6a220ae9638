"""The console script: its commands, what stands before them, and how each ends."""

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from typer.core import TyperGroup

from python_app_template.cli import (
    audit,
    backends,
    dead_letters,
    demo,
    explain,
    messages,
    positions,
    prove,
    purge,
    service,
    tokens,
    topics,
    views,
)
from python_app_template.cli.faults import CommandFailed, ReaderGone
from python_app_template.cli.output import forget_reader
from python_app_template.embedded import BackendError
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import SettingsError

PROGRAM = "python-app-template"
FORESEEN = (SettingsError, CommandFailed, BackendError, typer.TyperException)
"""What a person can mend: it is said in a line, without a traceback."""


class InOrder(TyperGroup):
    """The commands in the order in which a newcomer meets them."""

    def list_commands(self, _context: object) -> list[str]:
        """Return their names."""
        return [
            "demo",
            "prove",
            "backends",
            "topics",
            "preflight",
            "serve",
            "token",
            "produce",
            "consume",
            "dlq",
            "explain",
            "audit",
            "positions",
            "views",
            "purge",
            "settings",
        ]


app = typer.Typer(
    name=PROGRAM, cls=InOrder, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False
)
for commands in (
    service,
    demo,
    prove,
    topics,
    tokens,
    messages,
    dead_letters,
    explain,
    audit,
    positions,
    views,
    purge,
    backends,
):
    commands.register(app)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - the option's value
    if asked:
        typer.echo(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def before(
    context: typer.Context,
    *,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.NAME=VALUE",
            help="A setting, stronger than all other sources; may be repeated, and stand after the command.",
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is, and end."),
    ] = False,
) -> None:
    """Orders in, allocations out, exactly once."""
    context.obj = dict(map(_setting, given or ()))
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _setting(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        # What was given is not repeated: it may be a secret.
        raise typer.BadParameter("a setting without '='; for instance kafka.group_id=orders", param_hint="--set")
    return name.strip(), value


def hoisted(arguments: Sequence[str]) -> list[str]:
    """Put each `--set X` first, wherever it stood before a `--`: a global option may come after the command."""
    first: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left and left[0] != "--":
        argument = left.pop(0)
        if argument == "--set" and left:
            first += [argument, left.pop(0)]
        else:
            (first if argument.startswith("--set=") else rest).append(argument)
    return [*first, *rest, *left]


def run(arguments: Sequence[str]) -> int:
    """Run a command; return the exit code, having said what it means."""
    logging.getLogger("librdkafka").addHandler(logging.NullHandler())  # what matters of it comes as an error
    try:
        code = typer.main.get_command(app).main(hoisted(arguments), prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except (ReaderGone, BrokenPipeError):
        forget_reader()
        return ExitCode.STOPPED
    except FORESEEN as fault:
        code, lines = _foreseen(fault)
        for line in lines:
            typer.echo(line, err=True)
    except Exception:  # noqa: BLE001 - the last resort, logged with its traceback
        # Slow to import, and seldom needed.
        import structlog  # noqa: PLC0415

        from python_app_template.monitoring.logging import configure  # noqa: PLC0415

        configure("INFO", "console", sys.stderr)
        structlog.get_logger(__name__).exception("command.failed")
        return ExitCode.ERROR
    return int(code or ExitCode.STOPPED)


def _foreseen(fault: Exception) -> tuple[ExitCode, Sequence[str]]:
    match fault:
        case SettingsError():
            return ExitCode.SETTINGS, fault.lines
        case CommandFailed():
            return fault.code, [fault.line]
        case BackendError():
            return ExitCode.PREFLIGHT, [str(fault)]
        case _:
            return ExitCode.SETTINGS, [_usage(fault)]


def _usage(fault: Exception) -> str:
    """Return in one line what click says in several."""
    context = getattr(fault, "ctx", None)
    said = fault.format_message() if isinstance(fault, typer.TyperException) else str(fault)
    return f"{' '.join(said.split()).rstrip('.')}; see {context.command_path if context else PROGRAM} --help"


def main() -> None:
    """Enter from the shell."""
    sys.exit(run(sys.argv[1:]))
