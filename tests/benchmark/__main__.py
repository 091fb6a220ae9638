"""`make bench`: measurements of the service on embedded servers of their own; a table and a JSON line."""

import argparse
import json
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from python_app_template.embedded import embedded_backends
from tests.benchmark import api, growth, heavy, poison, recovery, rolling, throughput, views

MEASUREMENTS = {
    "throughput": throughput,
    "recovery": recovery,
    "rolling": rolling,
    "poison": poison,
    "heavy": heavy,
    "growth": growth,
    "api": api,
    "views": views,
}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    which = parser.add_subparsers(dest="what", required=True)
    for name, module in MEASUREMENTS.items():
        module.arguments(which.add_parser(name, help=module.__doc__, description=module.__doc__))
    asked = parser.parse_args()
    quick = asked.what in {"recovery", "rolling"}
    with embedded_backends(full_jit=True, quick_timeouts=quick) as backends, tempfile.TemporaryDirectory() as directory:
        show(MEASUREMENTS[asked.what].measure(backends, Path(directory), asked))


def show(figures: dict[str, float]) -> None:
    """A table for people on standard error, a JSON line on standard output."""
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.2f}" if value < 100 else f"{value:,.0f}")
    Console(stderr=True).print(table)
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
