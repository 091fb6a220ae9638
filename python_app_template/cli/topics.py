"""`topics`: the four topics as the broker has them, against the settings; and making what is missing."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import typer
from confluent_kafka import TopicCollection
from confluent_kafka.admin import ConfigResource as Resource  # type: ignore[attr-defined] # public, but for the stubs

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.topics import COUNT, CREATE, HEADROOM, create, describe
from python_app_template.cli.faults import broker_needed
from python_app_template.cli.output import BAD, GOOD, Json, Screen, for_programs, table, write_json
from python_app_template.cli.reading import ANSWER_SECONDS
from python_app_template.cli.registering import command, described, exemplified, settings_of
from python_app_template.settings import Kafka, Settings

SHOW, MAKE = "python-app-template topics", "python-app-template topics create"


class Shown(NamedTuple):
    """A topic as the broker has it; `fault` is "" when that is as the settings want it."""

    topic: str
    partitions: int = 0
    replication_factor: int = 0
    max_message_bytes: int = 0
    cleanup_policy: str = ""
    id: str = ""
    fault: str = ""


def register(app: typer.Typer) -> None:
    """Add the command and the one below it."""
    group = typer.Typer(rich_markup_mode="rich")
    group.callback(invoke_without_command=True, help=described(topics), epilog=exemplified([SHOW, MAKE]))(topics)
    command(group, make, "create", "Make what is missing", [MAKE, f"{MAKE} --set kafka.replication_factor=3"])
    app.add_typer(group, name="topics", short_help="Show the topics against the settings; make what is missing")


def topics(context: typer.Context, *, json: Json = False) -> None:
    """Show the four topics against the settings; `topics create` makes what is missing."""
    if context.invoked_subcommand is None:
        _show(settings_of(context), as_json=for_programs(json))


def make(context: typer.Context, *, json: Json = False) -> None:
    """Make the topics that are missing, as the settings want them; change nothing that exists."""
    settings, as_json = settings_of(context), for_programs(json)
    with broker_needed(settings):
        made = asyncio.run(create(settings, KafkaAdmin(settings, ANSWER_SECONDS)))
    for name in settings.kafka.topics:
        if as_json:
            write_json({"topic": name, "created": name in made})
        else:
            Screen().print(f"{GOOD} {name}: {'created' if name in made else 'there already, unchanged'}")


def _show(settings: Settings, *, as_json: bool) -> None:
    with broker_needed(settings):
        found = asyncio.run(look(settings, KafkaAdmin(settings, ANSWER_SECONDS)))
    if as_json:
        write_json(*({**shown._asdict(), "ok": not shown.fault} for shown in found))
        return
    columns = ("Topic", "Partitions", "Replicas", "Largest", "Cleanup", "Id")
    rows = [(s.topic, *_cells(s)) for s in found]
    screen = Screen()
    screen.print(table(columns, rows, right=("Partitions", "Replicas", "Largest")))
    for shown in found:
        screen.print(f"{BAD} {shown.topic}: {shown.fault}" if shown.fault else f"{GOOD} {shown.topic}")


def _cells(shown: Shown) -> Sequence[str]:
    if not shown.id:
        return ["-"] * 5
    _, partitions, replicas, largest, cleanup, topic_id, _ = shown
    return [str(partitions), str(replicas), f"{largest:,}", cleanup, topic_id]


async def look(settings: Settings, admin: KafkaAdmin) -> Sequence[Shown]:
    """Describe the four topics, each with what is wrong with it. Raises TransientError."""
    standing = await describe(settings, admin)
    names = [topic.name for topic in standing if topic.found]
    properties = {name: await _properties(admin, name) for name in names}
    replicas = {name: await _replicas(admin, name) for name in names}
    found = [
        Shown(
            topic.name,
            topic.found.partitions,
            replicas[topic.name],
            int(properties[topic.name]["max.message.bytes"]),
            properties[topic.name]["cleanup.policy"],
            topic.found.id,
        )
        if topic.found
        else Shown(topic.name)
        for topic in standing
    ]
    wanted = {topic.name: topic.partitions for topic in standing}
    return [shown._replace(fault="; ".join(_faults(shown, found[0], wanted, settings.kafka))) for shown in found]


def _faults(shown: Shown, source: Shown, wanted: Mapping[str, int], kafka: Kafka) -> Iterator[str]:
    if not shown.id:
        yield f"missing; {CREATE}"
        return
    if shown.partitions != wanted[shown.topic]:
        yield f"{shown.partitions} partitions, {wanted[shown.topic]} in the settings; {COUNT}"
    if shown.replication_factor < kafka.replication_factor:
        yield f"{shown.replication_factor} replicas, {kafka.replication_factor} in the settings; reassign them"
    least = source.max_message_bytes + HEADROOM
    if shown.topic == kafka.dead_letter_topic and shown.max_message_bytes < least:
        yield f"takes less than {source.topic} and {HEADROOM:,} bytes; set its max.message.bytes to {least} or more"
    if shown.topic == kafka.positions_topic and shown.cleanup_policy != "compact":
        yield "loses what it holds in time; set its cleanup.policy to compact"


async def _properties(admin: KafkaAdmin, name: str) -> Mapping[str, str]:
    (asked,) = admin.client.describe_configs(
        [Resource(Resource.Type.TOPIC, name)], request_timeout=ANSWER_SECONDS
    ).values()
    return {name: entry.value for name, entry in (await admin.answer(asked)).items()}


async def _replicas(admin: KafkaAdmin, name: str) -> int:
    (asked,) = admin.client.describe_topics(TopicCollection([name]), request_timeout=ANSWER_SECONDS).values()
    description: Any = await admin.answer(asked)
    return min(len(partition.replicas) for partition in description.partitions)
