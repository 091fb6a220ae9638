"""`make bench`: measurements of the service on embedded servers of their own; a table and JSON."""

import argparse
import json
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from python_app_template.embedded import embedded_backends
from tests.benchmark import (
    api,
    catchup,
    endurance,
    growth,
    heavy,
    latency,
    poison,
    record,
    recovery,
    report,
    rolling,
    scale,
    share,
    startup,
    throughput,
    views,
)
from tests.sql import run_sql

MEASUREMENTS = {
    "throughput": throughput,
    "recovery": recovery,
    "rolling": rolling,
    "poison": poison,
    "heavy": heavy,
    "growth": growth,
    "latency": latency,
    "startup": startup,
    "endurance": endurance,
    "share": share,
    "scale": scale,
    "catchup": catchup,
    "api": api,
    "views": views,
}
"""Each has `arguments(parser)`, `measure(backends, directory, asked)`, and its own `show(figures)` if figures nest."""

DISTURBING = {"recovery", "rolling"}
"""These break things: members of a group and dead sessions are missed sooner there."""

SERVER_SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB"}
"""Of PostgreSQL, beside what every embedded one has: fsync and synchronous_commit on, all else as it comes."""

STATED = """
SELECT json_object_agg(name, current_setting(name) ORDER BY name) FROM pg_settings WHERE name IN (
    'server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'wal_compression', 'shared_buffers',
    'max_wal_size', 'checkpoint_timeout', 'autovacuum'
)
"""
"""What stands in the file with the figures."""


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    which = parser.add_subparsers(dest="what", required=True)
    for name, module in MEASUREMENTS.items():
        one = which.add_parser(name, help=module.__doc__, description=module.__doc__)
        one.add_argument(
            "--json", type=Path, nargs="?", const=record.path_of(name), help="write a file, by default into docs"
        )
        module.arguments(one)
    report.arguments(which.add_parser("report", help=report.__doc__, description=report.__doc__))
    asked = parser.parse_args()
    if asked.what == "report":
        report.make(asked)
        return
    module = MEASUREMENTS[asked.what]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: servers are stopped, figures kept
    with (
        embedded_backends(
            full_jit=True, quick_timeouts=asked.what in DISTURBING, postgres_settings=SERVER_SETTINGS
        ) as backends,
        tempfile.TemporaryDirectory() as directory,
    ):
        servers = json.loads(run_sql(backends.postgres.url(), STATED))
        figures = module.measure(backends, Path(directory), asked)
    if asked.json:
        record.write(asked.json, record.record(asked.what, asked, figures, servers))
    getattr(module, "show", show)(figures)


def show(figures: Mapping[str, Any]) -> None:
    """A table for people on standard error, a JSON line on standard output."""
    table = Table("figure", "value")
    for name, value in figures.items():
        if isinstance(value, int | float):
            table.add_row(name.replace("_", " "), f"{value:,.2f}" if value < 100 else f"{value:,.0f}")
    Console(stderr=True).print(table)
    print(json.dumps(record.fit(figures)))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
