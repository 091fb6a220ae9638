"""How the demo speaks: chapters for a person, or a JSON line for each thing that happens."""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, NamedTuple

from rich.markup import escape
from rich.padding import Padding

from python_app_template.cli.output import BAD, GOOD, Screen, table, write_json, write_lines
from python_app_template.cli.story.books import Batch, Books

IN, OUT, DEAD = "[cyan]→[/]", "[green]←[/]", "[magenta]←[/]"


SHOWN_VIOLATIONS = 10


class Rush(NamedTuple):
    """What went through the service, from the first order sent to the last event seen."""

    orders: int
    lines: int
    seconds: float

    @property
    def per_second(self) -> int:
        """Orders."""
        return round(self.orders / self.seconds)


class Teller:
    """Tells one thing after the other; `kind` names it in JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._screen = Screen()
        self._numbers = count(1)

    def title(self) -> None:
        """Say what this is, and how to read it."""
        if not self._as_json:
            self._screen.print("[bold]Orders in, allocations out, exactly once[/]")
            self._screen.print(f"{IN} a message to raw-push   {OUT} an event from allocations   {DEAD} a dead letter")

    def chapter(self, title: str) -> None:
        """Begin a new one."""
        number = next(self._numbers)
        self._tell("chapter", f"\n[bold]{number}. {escape(title)}[/]", number=number, title=title)

    def done(self, what: str, seconds: float | None = None) -> None:
        """Say what is up, and how long that took."""
        took = "" if seconds is None else f"{seconds:.1f} s"
        line = f"   {GOOD} {escape(f'{what:<84}')} [dim]{took:>9}[/]"
        self._tell("done", line, what=what, seconds=seconds and round(seconds, 3))

    def sent(self, name: str, text: str) -> None:
        """Show a message that goes in."""
        self._tell("sent", f"   {IN} {name:<22}  {escape(text)}", type=name, text=text)

    def came(self, name: str, text: str, ref: str) -> None:
        """Show an event that came out."""
        line = f"   {OUT} {name:<22}  {escape(f'{text:<57}')} [dim]{ref:>11}[/]"
        self._tell("event", line, type=name, text=text, id=ref)

    def answered(self, name: str, text: str) -> None:
        """Show what came back over HTTP."""
        self._tell("answer", f"   {OUT} {name:<22}  {escape(text)}", status=name, text=text)

    def nothing(self, text: str) -> None:
        """Say that no event came, and why."""
        self._tell("nothing", f"     {escape(text)}", text=text)

    def dead_letter(self, reason: str, detail: str) -> None:
        """Show a message that could not be applied."""
        line = f"   {DEAD} {'dead letter':<22}  {escape(f'{reason}: {detail}')}"
        self._tell("dead_letter", line, reason=reason, detail=detail)

    def rate(self, rush: Rush) -> None:
        """Say how fast it went."""
        self.done(f"{rush.lines:,} lines answered, from the first order sent to the last event seen", rush.seconds)
        line = f"   {GOOD} [bold]{rush.per_second:,} orders per second[/]"
        self._tell("rate", line, **rush._asdict(), per_second=rush.per_second)

    def stock(self, books: Books, named: Iterable[str]) -> None:
        """Show what is left: batch by batch of the SKUs that the story names, the others in one line."""
        stock, names = books.stock(), set(named)
        if self._as_json:
            write_json(*(_row(batch) for batch in stock))
            return
        columns = ("SKU", "Batch", "Where", "Bought", "Allocated", "Left")
        shown = table(columns, map(_cells, (batch for batch in stock if batch.sku in names)), right=columns[3:])
        others = [batch for batch in stock if batch.sku not in names]
        if others:
            shown.add_section()
            shown.add_row(*_summary(others))
        self._screen.print(Padding(shown, (0, 0, 0, 3)))

    def check(self, books: Books) -> None:
        """Say whether messages, events and tables agree."""
        found, skus = books.findings, books.skus
        for line in books.violations[:SHOWN_VIOLATIONS]:
            self._tell("violation", f"   {BAD} {escape(line)}", text=line)
        if not books.violations:
            self.done(
                f"{found.events:,} events of {skus} SKUs: each SKU's versions run from 1 without a gap, none twice"
            )
            self.done(f"{found.messages:,} messages, each decided as the contract says, once")
            self.done(f"{found.rows:,} rows of the database: what the events add up to")
        if self._as_json:
            write_json({"kind": "check", "events": found.events, "violations": len(books.violations)})

    def end(self) -> None:
        """Say that nothing is left of it."""
        self._tell("end", "\nThe service finished what it had in hand. Everything is stopped, nothing is left behind.")

    def commands(self, exports: Sequence[str], commands: Sequence[tuple[str, str]], **addresses: str) -> None:
        """Show what can be done while everything goes on; in whole lines, fit to be copied."""
        if self._as_json:
            write_json({"kind": "running", **addresses})
            return
        self._screen.print("\nIt all goes on until Ctrl-C. In another terminal:\n")
        write_lines([f"  {line}".encode() for line in exports])
        for what, command in commands:
            self._screen.print(f"\n  [dim]# {escape(what)}[/]")
            write_lines([f"  {command}".encode()])

    def _tell(self, kind: str, line: str, **data: Any) -> None:
        if self._as_json:
            write_json({"kind": kind, **data})
        else:
            self._screen.print(line.rstrip(), soft_wrap=True)


def _row(batch: Batch) -> dict[str, Any]:
    numbers = {"purchased": batch.purchased, "allocated": batch.allocated, "available": batch.free}
    return {"kind": "stock", "sku": batch.sku, "batch_ref": batch.ref, "eta": batch.eta, **numbers}


def _cells(batch: Batch) -> Sequence[str]:
    where = "warehouse" if batch.eta is None else f"ship, {batch.eta}"
    return [batch.sku, batch.ref, where, f"{batch.purchased:,}", f"{batch.allocated:,}", f"{batch.free:,}"]


def _summary(batches: Sequence[Batch]) -> Sequence[str]:
    skus = len({batch.sku for batch in batches})
    sums = (sum(getattr(batch, name) for batch in batches) for name in ("purchased", "allocated", "free"))
    return [f"{skus} more", f"{len(batches)} batches", "", *(f"{number:,}" for number in sums)]
