"""`explain`: what became of an order, from all that still knows of it. Yours."""

import asyncio
import unicodedata
from typing import Annotated

import typer

from python_app_template.adapters import dead_letters
from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.dead_letters import KafkaDeadLetters
from python_app_template.adapters.secondary.kafka.logs import published
from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.adapters.secondary.postgres.stock.explained import dead, kept
from python_app_template.cli.explaining.evidence import Evidence, Mentions, only
from python_app_template.cli.explaining.searching import Search
from python_app_template.cli.explaining.timeline import cells, timeline
from python_app_template.cli.faults import CommandFailed, servers_needed
from python_app_template.cli.output import Json, Screen, counting, for_programs, table, write_json
from python_app_template.cli.reading import ANSWER_SECONDS
from python_app_template.cli.registering import command, settings_of
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

EXPLAIN = (
    "python-app-template explain order-001",
    "python-app-template explain order-001 --json | jq 'select(.what == \"event\")'",
)
SCAN = 1_000_000
ID_LENGTH = 64
COLUMNS = ("When", "What", "Where", "Told")


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, explain, "explain", "Tell what became of an order, and what is no longer known", EXPLAIN)


def explain(
    context: typer.Context,
    order_id: Annotated[str, typer.Argument(help="The order.")],
    *,
    scan: Annotated[int, typer.Option(min=1, help="Search so many offsets of each partition, the youngest.")] = SCAN,
    json: Json = False,
) -> None:
    """Tell what became of an order: its messages, what was decided and published, its dead letters, how it stands now.

    Looks at the tables, then searches the topics of messages, events and dead letters, and changes nothing. What is no
    longer known, or was not searched, is said at the end. Exit 4 when nothing is known of the order at all.
    """
    settings = settings_of(context)
    if not 1 <= len(order_id) <= ID_LENGTH or any(unicodedata.category(c) == "Cc" for c in order_id):
        raise typer.BadParameter(f"1 to {ID_LENGTH} characters, no control characters", param_hint="ORDER_ID")
    with servers_needed(settings):
        evidence = asyncio.run(_gather(settings, order_id, scan))
    if evidence.knows_nothing:
        raise CommandFailed(f"nothing is known of order {order_id!a}; {_where(evidence)}", ExitCode.WANTING)
    entries = timeline(evidence)
    if for_programs(json):
        write_json(*entries)
    else:
        Screen().print(table(COLUMNS, map(cells, entries)), markup=False)


async def _gather(settings: Settings, order_id: str, scan: int) -> Evidence:
    """Tables first: what they hold, the logs hold by then, unless it is still in the outbox or gone."""
    kafka, admin = settings.kafka, KafkaAdmin(settings, ANSWER_SECONDS)
    engine = create_engine(settings.database, settings.service_name)
    try:
        mentions = Mentions(order_id)
        found = only(await kept(engine, order_id, kafka.input_topic), mentions)
        cursor = await published(settings, found.transactional_id, admin) if found.transactional_id else None
        topics = (kafka.input_topic, kafka.output_topic, kafka.dead_letter_topic)
        searches = {topic: Search(settings, admin, topic, scan) for topic in topics}
        total = sum([await search.begin() for search in searches.values()])
        with counting("records") as bar:
            task = bar.add_task("searching", total=total)
            messages, events, letters = [
                await search.records(mentions, lambda count: bar.advance(task, count)) for search in searches.values()
            ]
        refusals = await dead(engine, kafka.input_topic, [(m.partition.number, m.offset) for m in messages])
        returned = await KafkaDeadLetters(settings, admin).returned() if letters else ()
    finally:
        await engine.dispose()
    return Evidence(
        order_id,
        found,
        cursor,
        messages,
        events,
        [dead_letters.read(letter) for letter in letters],
        frozenset((place.partition, place.offset) for place in returned),
        refusals,
        {topic: search.searched for topic, search in searches.items()},
    )


def _where(evidence: Evidence) -> str:
    whole = not any(one.searched_from > one.start for found in evidence.searched.values() for one in found)
    searched = "all that is kept was searched" if whole else "older records were not searched: --scan takes more"
    before = evidence.kept.purged_before
    return searched + (f"; orders before {before:%Y-%m-%d} were purged" if before else "")
