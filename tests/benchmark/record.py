"""What a measurement leaves behind: a JSON file with its figures, and on what, when and of which commit they are."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from tests.processes import ROOT

DOCUMENTS = ROOT / "docs" / "performance"
DIGITS = 6
"""Significant ones that are kept."""


def path_of(name: str) -> Path:
    """Where a measurement's file is looked for by `report`."""
    return DOCUMENTS / f"{name}.json"


def record(name: str, asked: argparse.Namespace, figures: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    """Put together what the file says; `settings` are PostgreSQL's."""
    return {
        "measurement": name,
        "taken_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "machine": machine(),
        "servers": dict(settings),
        "asked": {k: v for k, v in vars(asked).items() if k not in {"what", "json"}},
        "figures": fit(figures),
    }


def write(path: Path, recorded: Any) -> None:
    """Write it, with the directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(recorded, indent=1, default=str) + "\n", "utf-8")


def read(name: str, directory: Path = DOCUMENTS) -> Any:
    """Return what a measurement left; None when it was not taken."""
    path = directory / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def machine() -> dict[str, Any]:
    """What it ran on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cores": os.cpu_count(),
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "memory_gigabytes": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        **{name: version(name) for name in ("confluent-kafka", "asyncpg", "sqlalchemy", "msgspec")},
    }


def commit() -> str:
    """Return the commit that was measured, with `+` when files differed from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    found = git("rev-parse", "--short", "HEAD")
    return f"{found}+" if git("status", "--porcelain", "--untracked-files=no") else found or "unknown"


def fit(value: Any) -> Any:
    """Round all numbers in there, nobody believes more digits; and leave out of all texts where files are here."""
    match value:
        case bool() | int() | None:
            return value
        case str():
            return _anywhere(value)
        case float():
            return float(f"{value:.{DIGITS}g}")
        case Mapping():
            return {str(key): fit(each) for key, each in value.items()}
        case list() | tuple():
            return [fit(each) for each in value]
    return _anywhere(str(value))


def _anywhere(text: str) -> str:
    """What an error says may name the interpreter, files of the project, or temporary ones."""
    for place, name in ((sys.executable, "python"), (str(ROOT), "."), (tempfile.gettempdir(), "(temporary)")):
        text = text.replace(place, name)
    return text
