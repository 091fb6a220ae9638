"""`prove`: kills the service at every failpoint, under load, and counts what came out."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from python_app_template.cli.backends import make_topics
from python_app_template.cli.faults import CommandFailed
from python_app_template.cli.migrations import migrate
from python_app_template.cli.proof.certificate import Certificate, Witness
from python_app_template.cli.proof.plan import KILLED, REPLAY
from python_app_template.cli.proof.replaying import replayed
from python_app_template.cli.proof.theatre import Killed, Theatre
from python_app_template.cli.proof.verdict import collect, judge
from python_app_template.cli.proof.victim import victim
from python_app_template.cli.registering import command
from python_app_template.cli.running import environment_of
from python_app_template.cli.sending import Sender, sending
from python_app_template.cli.servers import settings_for, started
from python_app_template.cli.story.stream import Stream
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

EXAMPLES = (
    "python-app-template prove",
    "python-app-template prove --seed 7 --json | jq 'select(.kind == \"certificate\")'",
    "python-app-template prove --points worker.committed,relay.committed",
)

QUICK = {
    "kafka.session_timeout_ms": "1500",  # the broker misses a worker that was killed
    "consumer.batch_size": "30",  # many transactions, each a chance to die in
}

MESSAGES_PER_SECOND = 150
STEP_SECONDS = 0.05
LEAST_MESSAGES = 300
"""However few failpoints are asked for: some of these become dead letters."""

CAUGHT_UP_SECONDS = 60.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, prove, "prove", "Kill it at every failpoint, and see that nothing is lost", EXAMPLES)


def prove(
    context: typer.Context,
    *,
    seed: Annotated[int, typer.Option(min=0, help="What the messages are made of.")] = 0,
    points: Annotated[str, typer.Option(metavar="NAMES", help="These failpoints alone, separated by commas.")] = "",
    json: Annotated[bool, typer.Option("--json", help="The deaths and the certificate as JSON lines.")] = False,
) -> None:
    """Kill a worker and a relay at every failpoint once, under load, on a real Kafka and PostgreSQL of its own.

    Orders, cancellations, batches, changes of quantity, the same again and bad ones go in all the while; what dies is
    started again. Then `dlq replay` is killed at each of its failpoints, and returns what is left. In the end every
    message is held against the contract, by a model of its own, and a certificate is printed. Takes about a minute.
    Exit 4 when anything is wrong, or a failpoint was not reached. Needs the extra "embedded".
    """
    names, began = named(points), time.monotonic()
    tell = Witness(as_json=json)
    tell.preamble()
    tell.chapter("What it runs on")
    with started(quick_timeouts=True) as servers:
        settings = settings_for(servers, {**QUICK, **context.find_root().obj})
        migrate(settings.database.url.get_secret_value())
        make_topics(settings)
        tell.done("Apache Kafka and PostgreSQL, the real ones, schema and topics", time.monotonic() - began)
        stream = Stream(seed)
        killed = _kill(settings, names, stream, tell)
        tell.chapter("The certificate")
        verdict = judge(*collect(settings), replayed=any(name.startswith(f"{REPLAY}.") for name in names))
    given = Certificate(seed, killed, stream.kinds, verdict, time.monotonic() - began)
    tell.certificate(given)
    if not given.holds:
        wrong = len(given.faults) + len(verdict.violations)
        raise CommandFailed(f"it does not hold: {wrong} things are wrong", ExitCode.WANTING)


def named(points: str) -> Sequence[str]:
    """Return the failpoints of that list, or all. Raises CommandFailed."""
    names = [name.strip() for name in points.split(",") if name.strip()] or list(KILLED)
    if unknown := [name for name in names if name not in KILLED]:
        raise CommandFailed(f"no failpoint {unknown[0]!r}; there are {', '.join(KILLED)}", ExitCode.SETTINGS)
    return names


def _kill(settings: Settings, names: Sequence[str], stream: Stream, tell: Witness) -> Sequence[Killed]:
    tell.chapter("A worker and a relay die, and are started again, while messages come in")
    killed: list[Killed] = []
    with _theatre(settings, names) as theatre, sending(settings) as sender:
        with theatre.playing() as done:
            load = _paced(stream, sender)
            while not done.done() or sum(stream.kinds.values()) < LEAST_MESSAGES:
                next(load)
                for one in theatre.told():
                    killed.append(one)
                    tell.killed(one)
            done.result()
        sender.flush()
        _await_end(settings, theatre)
        if theatre.replays:
            tell.chapter("Dead letters are returned by commands that die on the way")
            killed += _replay(settings, theatre, tell)
        theatre.close()
    return killed


def _replay(settings: Settings, theatre: Theatre, tell: Witness) -> Iterator[Killed]:
    with victim("Replay", environment_of(settings) | {"APP_LOG__FORMAT": "json"}) as command:
        for one in replayed(command, theatre.replays):
            tell.killed(one)
            yield one
    _await_end(settings, theatre)


@contextmanager
def _theatre(settings: Settings, names: Sequence[str]) -> Iterator[Theatre]:
    environment = environment_of(settings) | {"APP_LOG__FORMAT": "json"}
    with victim("Worker", environment) as worker, victim("Relay", environment) as relay:
        yield Theatre(worker, relay, settings.kafka.input_partitions, names)


def _paced(stream: Stream, sender: Sender) -> Iterator[None]:
    """Send at a steady pace, a step at a time."""
    began = time.monotonic()
    for sent, message in enumerate(stream, 1):
        sender.send(message.key, message.value)
        while sent > (time.monotonic() - began) * MESSAGES_PER_SECOND:
            yield
            time.sleep(STEP_SECONDS)


def _await_end(settings: Settings, theatre: Theatre) -> None:
    """Wait until everything is through. Raises CommandFailed."""
    from python_app_template.cli.proof.progress import is_through  # noqa: PLC0415 - slow to import: no other waits

    deadline = time.monotonic() + CAUGHT_UP_SECONDS
    while not is_through(settings):
        theatre.check()
        if time.monotonic() > deadline:
            raise CommandFailed(f"the service did not catch up within {CAUGHT_UP_SECONDS:g} s", ExitCode.WANTING)
        time.sleep(STEP_SECONDS)
