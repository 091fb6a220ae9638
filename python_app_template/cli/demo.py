"""`demo`: the whole way through real servers, told so that a person can follow it without reading the code."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from python_app_template.cli.backends import export, make_topics, until_interrupted
from python_app_template.cli.faults import CommandFailed
from python_app_template.cli.migrations import migrate
from python_app_template.cli.registering import command
from python_app_template.cli.running import Running, running
from python_app_template.cli.servers import settings_for, started
from python_app_template.cli.story.books import Books, balance
from python_app_template.cli.story.samples import Samples
from python_app_template.cli.story.stage import Stage, opened
from python_app_template.cli.story.tale import SKUS, chapters
from python_app_template.cli.story.telling import Teller
from python_app_template.embedded import Backends
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

EXAMPLES = (
    "python-app-template demo",
    "python-app-template demo --orders 50000",
    "python-app-template demo --keep",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, demo, "demo", "See it all work: servers, service, orders, events", EXAMPLES)


def demo(
    context: typer.Context,
    *,
    orders: Annotated[int, typer.Option(min=1, help="How many orders are sent after the story.")] = 5000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The story as JSON lines.")] = False,
) -> None:
    """Start a real Kafka, a real PostgreSQL and the service, send orders, and show what comes out.

    Uses nothing that runs already and leaves nothing behind. The first time it downloads Kafka (43 MB). Exit 4 when
    messages, events and tables do not agree: see audit. Needs the extra "embedded".
    """
    tell = Teller(as_json=json)
    tell.title()
    tell.chapter("What it runs on")
    began = time.monotonic()
    with started() as servers:
        tell.done("Apache Kafka and PostgreSQL, the real ones, on free ports of 127.0.0.1", time.monotonic() - began)
        settings = settings_for(servers, context.find_root().obj)
        _prepare(settings, tell)
        with opened(settings) as ways, _service(settings, tell) as service:
            books = _story(Stage(service, ways, tell), tell, orders, settings)
            if keep and not books.violations:
                _keep(tell, servers, service)
    tell.end()
    if books.violations:
        raise CommandFailed(f"the books do not balance: {len(books.violations)} violations", ExitCode.WANTING)


def _prepare(settings: Settings, tell: Teller) -> None:
    with _timed(tell, "the schema, by alembic upgrade head"):
        migrate(settings.database.url.get_secret_value())
    with _timed(tell, f"the topics {', '.join(settings.kafka.topics)}"):
        make_topics(settings)


@contextmanager
def _service(settings: Settings, tell: Teller) -> Iterator[Running]:
    began = time.monotonic()
    with running(settings) as service:
        tell.done(f"the service, process {service.pid}, ready at {service.address}", time.monotonic() - began)
        yield service
        service.stop()


@contextmanager
def _timed(tell: Teller, what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    tell.done(what, time.monotonic() - began)


def _story(stage: Stage, tell: Teller, orders: int, settings: Settings) -> Books:
    for chapter in chapters(datetime.now(UTC).date()):
        tell.chapter(chapter.title)
        for step in chapter.steps:
            stage.play(step)
    tell.chapter(f"{orders:,} orders more, as fast as they go")
    tell.rate(stage.rush(Samples(orders)))
    books = balance(settings)
    tell.chapter("What stock is left")
    tell.stock(books, SKUS)
    tell.chapter("The closing check: all of it against the contract, as the command audit makes it")
    tell.check(books)
    return books


def _keep(tell: Teller, servers: Backends, service: Running) -> None:
    environment = servers.environment()
    commands = (
        ("the events from now on", "python-app-template consume"),
        ("orders, to see more of them", "python-app-template produce --sample 100"),
        ("the dead letters", "python-app-template consume --topic raw-push.dlq --from-beginning --headers --count 1"),
        ("metrics", f"curl -s {service.address}/metrics | grep ^app_"),
        ("health", f"curl -s {service.address}/health/ready"),
        ("the service's log", f"tail -f {service.log}"),
    )
    tell.commands([export(*item) for item in environment.items()], commands, **environment, http=service.address)
    until_interrupted(servers)
