"""How the proof is told: a line for each death as it happens, then the certificate."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from python_app_template.cli.output import BAD, GOOD
from python_app_template.cli.proof.theatre import Killed
from python_app_template.cli.proof.verdict import Verdict
from python_app_template.cli.story.telling import SHOWN_VIOLATIONS, Teller


class Certificate(NamedTuple):
    """All that was done and found."""

    seed: int
    killed: Sequence[Killed]
    sent: Mapping[str, int]
    verdict: Verdict
    seconds: float

    @property
    def faults(self) -> list[str]:
        """What was not done as planned: a point that was not reached proves nothing; a message that nobody has."""
        faults = [killed.fault for killed in self.killed if killed.fault]
        sent, found = sum(self.sent.values()), self.verdict.messages - self.verdict.returned
        return faults if sent == found else [*faults, f"{sent} messages were sent, and the topic holds {found}"]

    @property
    def holds(self) -> bool:
        """Whether everything was done, and nothing is wrong."""
        return not self.faults and self.verdict.is_clean


class Witness(Teller):
    """Tells of deaths and of what came out."""

    def preamble(self) -> None:
        """Say what this is."""
        self._tell("title", "[bold]Killed at every failpoint, under load: what is lost, doubled, out of order?[/]")

    def killed(self, killed: Killed) -> None:
        """Tell of one kill."""
        point, deaths = killed.kill.point, killed.deaths
        data = {"point": point, "deaths": [death._asdict() for death in deaths], "fault": killed.fault}
        if killed.fault:
            self._tell("not_killed", f"   {BAD} {escape(killed.fault)}", **data)
            return
        last, others = deaths[-1], len(deaths) - 1
        before = f", after {others} at {deaths[0].point}" if others else ""
        line = f"{point:<24} SIGKILL to process {last.pid}, {last.seconds:.1f} s after its start{before}"
        self._tell("killed", f"   {GOOD} {escape(line)}", **data)

    def certificate(self, given: Certificate) -> None:
        """Say what went in, what came out, and whether that is what should."""
        verdict, deaths = given.verdict, sum(len(killed.deaths) for killed in given.killed)
        for line in (*given.faults, *verdict.violations[:SHOWN_VIOLATIONS]):
            self._tell("violation", f"   {BAD} {escape(line)}", text=line)
        reached = sum(not killed.fault for killed in given.killed)
        rows = {
            "killed": f"{deaths} processes, at {reached} of {len(given.killed)} failpoints, each by SIGKILL",
            "sent": f"{sum(given.sent.values()):,} messages: {_listed(given.sent)}",
            "events": f"{sum(verdict.events.values()):,}: {_listed(verdict.events)}",
            "dead letters": f"{sum(verdict.dead_letters.values()):,}: {_listed(verdict.dead_letters)}",
            "returned": f"{verdict.returned:,} dead letters, each once",
            "tables": f"{verdict.rows:,} rows, held against the fold of the events",
            "lost": f"{verdict.lost:,}",
            "doubled": f"{verdict.doubled:,}",
            "out of order": f"{verdict.disordered:,}",
            "violations": f"{len(verdict.violations):,} of the contract, message by message, by a model of its own",
        }
        data = {
            "seed": given.seed,
            "deaths": deaths,
            "not_reached": [killed.kill.point for killed in given.killed if killed.fault],
            "sent": given.sent,
            "events": verdict.events,
            "dead_letters": verdict.dead_letters,
            "returned": verdict.returned,
            "rows": verdict.rows,
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "disordered": verdict.disordered,
            "violations": len(verdict.violations),
            "seconds": round(given.seconds, 1),
            "holds": given.holds,
        }
        conclusion = "[green]It holds[/]" if given.holds else "[red]It does not hold[/]"
        if not self._as_json:
            self._screen.print(_grid(rows))
        self._tell(
            "certificate", f"\n   [bold]{conclusion}[/] [dim](seed {given.seed}, {given.seconds:.0f} s)[/]", **data
        )


def _grid(rows: Mapping[str, str]) -> Padding:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    for name, what in rows.items():
        grid.add_row(name, escape(what))
    return Padding(grid, (0, 0, 0, 3))


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
