"""`produce` and `consume`: messages in by hand, events out to look at."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from python_app_template.cli.faults import CommandFailed
from python_app_template.cli.output import Json, Screen, for_programs, say, write_json, write_lines
from python_app_template.cli.reading import from_end, from_start, reading
from python_app_template.cli.registering import command, settings_of
from python_app_template.cli.sending import Sender, Sent, checked, sending
from python_app_template.cli.showing import value_line, whole_line
from python_app_template.cli.signals import interruptible
from python_app_template.cli.story.announced import listening
from python_app_template.cli.story.samples import Samples, message
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

PRODUCE = (
    "python-app-template produce orders.jsonl",
    """echo '{"type":"order.cancelled","order_id":"order-001"}' | python-app-template produce""",
    "python-app-template produce --sample 1000 --seed 7",
)
CONSUME = (
    "python-app-template consume",
    "python-app-template consume --from-beginning --timeout 3 | jq -r .type | sort | uniq -c",
    "python-app-template consume --topic raw-push.dlq --from-beginning --headers --count 1",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, produce, "produce", "Send messages in, from JSON lines or made up", PRODUCE)
    command(app, consume, "consume", "Print the events that come out", CONSUME)


def produce(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="JSON lines; - or nothing: standard input.")] = None,
    *,
    sample: Annotated[int | None, typer.Option(min=1, help="Make up so many orders, and batches for them.")] = None,
    seed: Annotated[int | None, typer.Option(help="For --sample: the same number makes the same messages.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="For --sample: seconds for the batches to be known.")] = 5,
    json: Json = False,
) -> None:
    """Send messages to the input topic: a JSON object on each line, as it is, keyed by order_id or batch_ref.

    Every line is checked before any is sent: one that is no JSON object means exit 2, its number, nothing sent. What
    the objects say is not judged here; the service does that. Exit 0 once the broker has acknowledged every message,
    3 when it does not take one.

    --sample sends batches first. An order is sure to see a batch only if it was sent after that batch's batch.created
    event was seen, so the orders wait for these events, --wait seconds at most, and are sent then in any case.
    """
    settings = settings_of(context)
    if sample is None:
        with _opened(file) as lines, checked(lines) as found, sending(settings) as sender:
            sent = sender.send_all(*found)
    elif file is None:
        with sending(settings) as sender:
            sent = _send_sample(settings, sender, Samples(sample, seed), wait)
    else:
        raise typer.BadParameter("not together with a file", param_hint="--sample")
    _report(sent, as_json=for_programs(json))


def consume(
    context: typer.Context,
    *,
    topic: Annotated[str | None, typer.Option(help="Any topic, instead of the one of the events.")] = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="First all that is there.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    timeout: Annotated[float | None, typer.Option(min=0, help="End after so many seconds without a new one.")] = None,
    headers: Annotated[
        bool, typer.Option("--headers", help="With its topic, partition, offset, timestamp, key and headers.")
    ] = False,
) -> None:
    """Print the events that are committed from now on, one JSON line each, until Ctrl-C.

    Reads all partitions, belongs to no group, changes nothing. A value that is no JSON becomes a string, an empty one
    null. Exit 4 when --timeout came before --count.
    """
    settings = settings_of(context)
    topic = topic or settings.kafka.output_topic
    line, came = whole_line if headers else value_line, 0
    try:
        with interruptible():
            starts = (from_start if from_beginning else from_end)(settings, topic)
            say(f"reading {topic} from its {'beginning' if from_beginning else 'end'}")
            with reading(settings, topic, starts) as reader:
                for records in reader.arriving(timeout, count):
                    write_lines(map(line, records))
                    came += len(records)
    except KeyboardInterrupt:
        return  # as asked to
    if count is not None and came < count:
        raise CommandFailed(f"{came} of {count} came", ExitCode.WANTING)


@contextmanager
def _opened(file: Path | None) -> Iterator[BinaryIO]:
    if file is None or str(file) == "-":
        if sys.stdin.isatty():
            say("a JSON object on each line; Ctrl-D when that is all")
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as fault:
        raise CommandFailed(f"{file} can't be read: {fault.strerror}", ExitCode.SETTINGS) from fault
    with opened:
        yield opened


def _send_sample(settings: Settings, sender: Sender, samples: Samples, wait: float) -> Sent:
    batches = samples.batches()
    first = partial(sender.send_all, map(message, batches), len(batches))
    then = partial(sender.send_all, map(message, samples.orders()), samples.count)
    if not wait:
        return first().and_then(then())
    with listening(settings) as announcements:
        sent = first()
        missing = announcements.missing((batch.batch_ref for batch in batches), wait)
    if missing:
        say(f"{len(missing)} batches not announced in {wait:g} s (no service, or it had them); sending the orders")
    return sent.and_then(then())


def _report(sent: Sent, *, as_json: bool) -> None:
    rate = round(sent.messages / sent.seconds) if sent.messages else 0
    if as_json:
        write_json({**sent._asdict(), "seconds": round(sent.seconds, 3), "per_second": rate})
    else:
        Screen().print(
            f"{sent.messages:,} messages sent to {sent.topic} and acknowledged"
            f" in {sent.seconds:.2f} s ({rate:,} per second)"
        )
