"""`demo`: the whole way through real servers, told so that a person can follow it without reading the code."""

import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from python_app_template.cli import development
from python_app_template.cli.backends import export, make_topics, until_interrupted
from python_app_template.cli.faults import CommandFailed
from python_app_template.cli.migrations import migrate
from python_app_template.cli.registering import command
from python_app_template.cli.running import Running, running
from python_app_template.cli.servers import settings_for, started
from python_app_template.cli.story import asking
from python_app_template.cli.story.books import Books, balance
from python_app_template.cli.story.samples import Samples
from python_app_template.cli.story.stage import Stage, opened
from python_app_template.cli.story.tale import SKUS, chapters
from python_app_template.cli.story.telling import Teller
from python_app_template.embedded import Backends
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

PROGRAM = "python-app-template"
ROLES = {"roles": "worker,relay,api"}
ALL = {"roles": "worker,relay,api,projector,notifier", "views.backend": "redis", "mail.digest_seconds": "5"}
TOKEN_SECONDS = 24 * 3600
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

    With --keep there is Redis too, stock is read from it, and what is out of stock is mailed, into the log.

    Uses nothing that runs already and leaves nothing behind. The first time it downloads Kafka (43 MB). Exit 4 when
    messages, events and tables do not agree: see audit. Needs the extra "embedded".
    """
    tell = Teller(as_json=json)
    tell.title()
    tell.chapter("What it runs on")
    began = time.monotonic()
    with started(redis=keep) as servers:
        names = "Apache Kafka, PostgreSQL and Valkey" if keep else "Apache Kafka and PostgreSQL"
        tell.done(f"{names}, the real ones, on free ports of 127.0.0.1", time.monotonic() - began)
        access = development.access()
        settings = settings_for(servers, {**(ALL if keep else ROLES), **access, **context.find_root().obj})
        _prepare(settings, tell)
        with opened(settings) as ways, _service(settings, tell) as service:
            books = _story(Stage(service, ways, tell), tell, orders, settings)
            if keep and not books.violations:
                _keep(tell, servers, service, settings, development.variables(access))
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
    tell.chapter("An order over HTTP: the answer waits until it is decided")
    asking.place(stage.service, tell, _token(settings))
    stage.hear(asking.EVENTS)
    tell.chapter(f"{orders:,} orders more, as fast as they go")
    tell.rate(stage.rush(Samples(orders)))
    books = balance(settings)
    tell.chapter("What stock is left")
    tell.stock(books, SKUS)
    tell.chapter("The closing check: all of it against the contract, as the command audit makes it")
    tell.check(books)
    return books


def _token(settings: Settings) -> str:
    # Slow to import: the servers are not kept waiting for it.
    from python_app_template.cli.issuing import claims_for, issue, signer  # noqa: PLC0415
    from python_app_template.service import SERVICE  # noqa: PLC0415

    claims = claims_for(settings.auth, "demo", sorted(SERVICE.policy.whole_scopes), TOKEN_SECONDS)
    return issue(signer(settings.auth, None), claims)


def _keep(tell: Teller, servers: Backends, service: Running, settings: Settings, access: dict[str, str]) -> None:
    environment = servers.environment() | access | {"URL": service.address, "TOKEN": _token(settings)}
    program = shlex.quote(shutil.which(PROGRAM) or str(Path(sys.executable).with_name(PROGRAM)))
    commands = (
        ("the pages of REST and GraphQL; both take the token", f"{service.address}/docs   {service.address}/graphiql"),
        *asking.commands(),
        ("the last mail: without a mail server it goes into the log", _last_mail(service.log)),
        ("the events from now on", f"{program} consume"),
        ("orders, to see more of them", f"{program} produce --sample 100"),
        ("the dead letters", f"{program} consume --topic raw-push.dlq --from-beginning --headers --count 1"),
        ("metrics", 'curl -s "$URL/metrics" | grep ^app_'),
        ("health", 'curl -s "$URL/health/ready"'),
    )
    tell.commands([export(*item) for item in environment.items()], commands, **environment, http=service.address)
    until_interrupted(servers)


def _last_mail(log: Path) -> str:
    return f"""printf '%b\\n' "$(grep mail.logged {shlex.quote(str(log))} | tail -n 1)\""""
