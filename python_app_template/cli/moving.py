"""`positions set`: which of the moves is meant, carried out, and told."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import typer

from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.cli.desk import at_desk
from python_app_template.cli.faults import CommandFailed, servers_needed
from python_app_template.cli.output import GOOD, Json, Screen, for_programs, say, write_json
from python_app_template.cli.registering import settings_of
from python_app_template.cli.selecting import milliseconds
from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.moving import CannotMove, CursorMove, Move
from python_app_template.core.use_cases.accept_topic import Accepted, AcceptTopic
from python_app_template.core.use_cases.move_position import MovePosition, Place, Target
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

SET = "python-app-template positions set"
EXAMPLES = (
    f"{SET} --partition 1 --offset earliest --reason 'retention took them, they are sent again'",
    f"{SET} --all --offset 2026-11-20T20:00:00Z --reason 'the hour was sent twice'",
    f"{SET} --all --accept-topic --offset earliest --reason 'raw-push was made anew, the old one was read'",
    f"{SET} --all --group orders-blue --reason 'the group was renamed'",
    f"{SET} --topic allocations --accept-topic --reason 'made anew with other settings'",
    f"{SET} --published 1041 --reason 'allocations.positions was emptied'",
)
OFFSET = re.compile(r"\d{1,18}", re.ASCII)


class Where(NamedTuple):
    """A place in a log, in a type of its own: typer takes no unions."""

    place: Place


def where(given: str) -> Where:
    """Read an offset, an end of the log, or a time. Raises BadParameter."""
    if given in {"earliest", "latest"}:
        return Where("earliest" if given == "earliest" else "latest")
    if OFFSET.fullmatch(given):
        return Where(int(given))
    try:
        return Where(datetime.fromtimestamp(milliseconds(given) / 1000, UTC))
    except typer.BadParameter:
        raise typer.BadParameter(
            f"{given!r} is no place in a log: an offset, earliest, latest, or a time (2026-11-20T20:00:00Z)"
        ) from None


Partitions = Annotated[list[int] | None, typer.Option("--partition", min=0, help="This one; may be repeated.")]
Everything = Annotated[bool, typer.Option("--all", help="All partitions of the topic.")]
Offset = Annotated[
    Where | None,
    typer.Option("--offset", parser=where, metavar="OFFSET", help="A number, earliest, latest, or a time (RFC 3339)."),
]
Topic = Annotated[str | None, typer.Option(help="Another topic than the input topic.")]
Accept = Annotated[
    bool, typer.Option("--accept-topic", help="The topic was deleted and made again: go on in the new one.")
]
Number = Annotated[
    int | None, typer.Option("--published", min=0, help="Move the published cursor: outbox rows up to it are out.")
]
Group = Annotated[str | None, typer.Option(help="Hand the position over to this consumer group.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the table position_moves.")]
Force = Annotated[bool, typer.Option("--force", help="Also what is being consumed, or published, at this moment.")]


class Asked(NamedTuple):
    """The command line."""

    topic: str | None
    numbers: Sequence[int] | None
    everything: bool
    target: Target
    published: int | None
    reason: str
    force: bool


def move(
    context: typer.Context,
    *,
    partition: Partitions = None,
    everything: Everything = False,
    offset: Offset = None,
    topic: Topic = None,
    accept_topic: Accept = False,
    published: Number = None,
    group: Group = None,
    reason: Reason,
    force: Force = False,
    json: Json = False,
) -> None:
    """Move positions, hand them to another group, accept a topic that was made anew, or move the published cursor.

    Whoever had a position loses it: its next batch does not commit, and it claims the row again, as a part that is
    halted does within seconds. A position that moves within a second and a half is refused without --force, and so
    is the cursor while a relay is at work. All partitions that are named are moved, or none. Exit 2 when something
    is not as it has to be; nothing is changed then.
    """
    target = Target(offset.place if offset else None, group, accept_topic)
    asked = Asked(topic, partition, everything, target, published, reason.strip(), force)
    settings, as_json = settings_of(context), for_programs(json)
    _check(asked, settings)
    try:
        with servers_needed(settings):
            done = asyncio.run(_carry_out(asked, settings))
    except (CannotMove, Halted) as fault:
        raise CommandFailed(str(fault), ExitCode.SETTINGS) from fault
    if not done:
        say("nothing to do: everything is there already")
    for one in done:
        if as_json:
            write_json(_row(one))
        else:
            Screen().print(f"{GOOD} {_line(one)}", soft_wrap=True)


def _check(asked: Asked, settings: Settings) -> None:
    """Refuse what contradicts itself. Raises BadParameter."""
    target, written = asked.target, _written(settings)
    if not asked.reason:
        raise typer.BadParameter("is empty; say why, for whoever asks later", param_hint="--reason")
    if asked.published is not None:
        if asked.numbers or asked.everything or target != Target():
            raise typer.BadParameter("not together with other moves: one after the other", param_hint="--published")
    elif asked.topic in written:
        if asked.numbers or asked.everything or target != Target(accept_topic=True):
            raise typer.BadParameter(f"{asked.topic} is written to: only --accept-topic makes sense with it")
    elif target == Target():
        raise typer.BadParameter("nothing is to be moved; give --offset, --group, --accept-topic or --published")
    elif bool(asked.numbers) == asked.everything:
        raise typer.BadParameter("say which: --partition N, or --all")


def _written(settings: Settings) -> frozenset[str]:
    kafka = settings.kafka
    return frozenset({kafka.output_topic, kafka.dead_letter_topic, kafka.positions_topic})


async def _carry_out(asked: Asked, settings: Settings) -> Sequence[Move | Accepted | CursorMove]:
    """Return what was changed. Raises CannotMove, Halted, TransientError, FatalError."""
    async with at_desk(settings) as desk:
        if asked.published is not None:
            cursor = await desk.move_cursor(asked.published, asked.reason, force=asked.force)
            return [cursor] if cursor.before != cursor.after else []
        if asked.topic in _written(settings):
            accepted = await AcceptTopic(desk.moves, desk.logs)(asked.topic or "", asked.reason)
            return [accepted] if accepted.before not in {None, accepted.after} else []
        move_position = MovePosition(desk.moves, desk.logs, SystemClock(), settings.kafka.group_id)
        topic, numbers = asked.topic or settings.kafka.input_topic, None if asked.everything else asked.numbers
        return await move_position(topic, numbers, asked.target, asked.reason, force=asked.force)


def _row(done: Move | Accepted | CursorMove) -> dict[str, Any]:
    match done:
        case Move(partition, before, group, topic_id, next_offset):
            return {
                "topic": partition.topic,
                "partition": partition.number,
                "from_offset": before.next_offset if before else None,
                "to_offset": next_offset,
                "group_from": before.group if before else None,
                "group_to": group,
                "topic_id_from": before.topic_id if before else None,
                "topic_id_to": topic_id,
            }
        case Accepted(topic, old, new):
            return {"topic": topic, "topic_id_from": old, "topic_id_to": new}
        case CursorMove(old, new):
            return {"published_from": old.number if old else None, "published_to": new.number}


def _line(done: Move | Accepted | CursorMove) -> str:
    row = _row(done)
    match done:
        case Move():
            place = f"{row['topic']}, partition {row['partition']}: {row['from_offset']} to {row['to_offset']}"
            handed = f", now of group {row['group_to']}" if row["group_from"] != row["group_to"] else ""
            return f"{place}{handed}"
        case Accepted():
            return f"{row['topic']}: id {row['topic_id_from']} to {row['topic_id_to']}"
        case CursorMove():
            return f"published: {row['published_from']} to {row['published_to']}"
