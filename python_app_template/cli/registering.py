"""What the modules of commands share: how a command is added, and the settings as the command line leaves them."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import typer
from rich.markup import escape

from python_app_template.settings import Settings, load


def settings_of(context: typer.Context) -> Settings:
    """Load the settings, `--set` before all other sources. Raises SettingsError."""
    return load(context.find_root().obj)


def command(app: typer.Typer, run: Callable[..., None], name: str, short: str, examples: Sequence[str]) -> None:
    """Add a command: `short` stands in the list of all, the function's docstring and the examples in its own help."""
    app.command(name, short_help=short, help=described(run), epilog=exemplified(examples))(run)


def described(run: Callable[..., Any]) -> str:
    """Return the docstring's paragraphs, each in one line: the terminal breaks them."""
    paragraphs = inspect.cleandoc(run.__doc__ or "").split("\n\n")
    return escape("\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs))


def exemplified(examples: Sequence[str]) -> str:
    """Return what stands below the options in a command's help."""
    return "\n".join(["[bold]Examples[/]", *(escape(line) for line in examples)])
