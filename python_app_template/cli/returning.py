"""`dlq replay`: the dead letters returned to the input topic, each once, and what became of each."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Annotated

import typer

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.dead_letters import KafkaDeadLetters, open_returns
from python_app_template.cli.faults import CommandFailed, servers_needed
from python_app_template.cli.injecting import reach
from python_app_template.cli.lettering import row
from python_app_template.cli.output import Json, Screen, for_programs, say, write_json
from python_app_template.cli.oversized import oversized
from python_app_template.cli.reading import ANSWER_SECONDS
from python_app_template.cli.registering import settings_of
from python_app_template.cli.selecting import Limit, place, selecting
from python_app_template.core.delivery.returning import Fate, Letter, Place, Selection
from python_app_template.core.use_cases.replay_dead_letters import Bounds, ReplayDeadLetters
from python_app_template.settings import Settings

REPLAY = "python-app-template dlq replay"
EXAMPLES = (
    f"{REPLAY} --reason failed --since 2026-11-20 --dry-run",
    f"{REPLAY} --reason failed --since 2026-11-20",
    f"{REPLAY} 0:17 2:5 --max-attempts 10",
)


@selecting
def replay(
    context: typer.Context,
    places: Annotated[
        list[Place] | None,
        typer.Argument(parser=place, metavar="PARTITION:OFFSET", help="Only these dead letters, by their own places."),
    ] = None,
    *,
    wanted: Selection,
    limit: Limit = None,
    most: Annotated[
        int, typer.Option("--max-attempts", min=1, help="Leave those that were returned so often already.")
    ] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    json: Json = False,
) -> None:
    """Return dead letters to the input topic: all, or those that the places and options select, as `dlq list` does.

    Key, value and headers are as they were first received; dlq.attempts counts the returns, dlq.returned-from says
    which dead letter it was. Each goes back once, however often this is interrupted and repeated: what was returned
    before is passed over and counted. A second replay that is started meanwhile takes over from the first.
    """
    settings = settings_of(context)
    wanted = replace(wanted, places=frozenset(places)) if places else wanted
    bounds = Bounds(settings.kafka.input_topic, most, limit, chunk_bytes=settings.outbox.page_bytes)
    report = _Report(settings, as_json=for_programs(json), dry_run=dry_run)
    try:
        with servers_needed(settings):
            asyncio.run(_replay(settings, bounds, wanted, report))
    except CommandFailed as fault:
        if report.sent and not dry_run:
            raise CommandFailed(f"{fault.line}; {report.sent} were returned: run it again for the rest") from fault
        raise
    report.end()


class _Report:
    """Tells of each letter but those returned before and, unless it is a rehearsal, those sent; counts all."""

    def __init__(self, settings: Settings, *, as_json: bool, dry_run: bool) -> None:
        self._settings, self._as_json, self.dry_run = settings, as_json, dry_run
        self._count: Counter[Fate] = Counter()

    def __call__(self, letter: Letter, fate: Fate) -> None:
        self._count[fate] += 1
        if fate is Fate.RETURNED or (fate is Fate.SENT and not self.dry_run and not self._as_json):
            return
        outcome = "would be sent" if fate is Fate.SENT and self.dry_run else fate.value
        if self._as_json:
            write_json(row(letter, outcome=outcome))
        else:
            Screen().print(f"{letter.place}  {outcome}: {letter.reason} {letter.detail}", markup=False, soft_wrap=True)

    @property
    def sent(self) -> int:
        """How many were returned."""
        return self._count[Fate.SENT]

    def end(self) -> None:
        """Say how many became what."""
        if not self._count:
            say("no dead letter matches")
            return
        verb = "would be sent" if self.dry_run else "sent"
        others = [f"{number:,} {fate.value}" for fate, number in self._count.items() if fate is not Fate.SENT]
        say("; ".join([f"{self.sent:,} {verb} to {self._settings.kafka.input_topic}", *others]))


async def _replay(settings: Settings, bounds: Bounds, wanted: Selection, report: _Report) -> None:
    admin = KafkaAdmin(settings, ANSWER_SECONDS)
    async with oversized(settings) as kept:
        replaying = ReplayDeadLetters(
            KafkaDeadLetters(settings, admin),
            open_returns(settings, admin, reach=reach(settings)),
            kept,
            bounds,
            report,
        )
        await (replaying.rehearse(wanted) if report.dry_run else replaying(wanted))
