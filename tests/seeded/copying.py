"""A copy of the service with a bug in it; it comes first on the path of the processes that are to run it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT
from tests.seeded.bugs import Bug, Patch

COPIED = ("python_app_template", "alembic", "alembic.ini", "tests", "pyproject.toml")


class StalePatchError(Exception):
    """What a patch looks for does not stand there exactly once: it has to be written anew for today's code."""


def copied(bug: Bug, directory: Path) -> Path:
    """Return the folder of a copy that has this bug. Raises StalePatchError."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, directory / name)
    for patch in bug.patches:
        apply(patch, directory)
    return directory


def apply(patch: Patch, root: Path) -> None:
    """Change one place of one file. Raises StalePatchError."""
    file = root / patch.file
    text = file.read_text()
    if (found := text.count(patch.find)) != 1:
        raise StalePatchError(f"{patch.file} has {found} times, not once: {patch.find!r}")
    changed = text.replace(patch.find, patch.replace)
    compile(changed, str(file), "exec")
    file.write_text(changed)


def variables(root: Path) -> dict[str, str]:
    """What leads a process to this copy: without the second, its working directory would come before it."""
    return {"PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"}


def migrate(url: str, root: Path) -> None:
    """Make the schema that this copy has."""
    environment = os.environ | variables(root) | {"APP_DATABASE__URL": url}
    subprocess.run([sys.executable, "-m", "alembic", "upgrade", "head"], cwd=root, env=environment, check=True)
