"""What is printed, and how: tables for a person, JSON lines for a program; data on standard output, talk on error."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.table import Table

from python_app_template.cli.faults import ReaderGone

Json = Annotated[bool, typer.Option("--json", help="JSON lines, on a terminal too.")]

WIDTH = 100
"""Columns where there is no terminal to ask."""

GOOD, DOUBTFUL, BAD = "[green]✓[/]", "[yellow]![/]", "[red]✗[/]"


class Screen(Console):
    """Standard output for people; without a terminal plain text, as wide as most."""

    def __init__(self, *, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        super().__init__(stderr=stderr, highlight=False, width=None if stream.isatty() else WIDTH, emoji=False)

    def on_broken_pipe(self) -> NoReturn:
        """See ReaderGone."""
        raise ReaderGone


def for_programs(asked: bool) -> bool:  # noqa: FBT001 - the option's value
    """Whether JSON lines are wanted: asked for, or nobody is looking."""
    return asked or not sys.stdout.isatty()


def write_lines(lines: Iterable[bytes]) -> None:
    """Write lines to standard output at once. Raises ReaderGone."""
    try:
        sys.stdout.buffer.writelines(line + b"\n" for line in lines)
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None


def write_json(*rows: Mapping[str, Any]) -> None:
    """Write an object on each line."""
    write_lines(msgspec.json.encode(row) for row in rows)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> Table:
    """Return a table of few strokes; its first column is never broken, those named in `right` hold numbers."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in right else "left"
        made.add_column(name, justify=justify, overflow="fold", no_wrap=name == columns[0])
    for row in rows:
        made.add_row(*row)
    return made


def say(text: str) -> None:
    """Tell the person at the terminal something that is no data."""
    Screen(stderr=True).print(text, markup=False, soft_wrap=True)


def counting(unit: str) -> Progress:
    """Return a bar on standard error for what is counted; where no terminal is, nothing."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TaskProgressColumn(show_speed=True),
        console=(console := Screen(stderr=True)),
        disable=not console.is_terminal,
        transient=True,
    )


def forget_reader() -> None:
    """Let what is still buffered go nowhere: otherwise Python complains about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
