"""Mutation testing of the rules and the checker, in a copy of the tree: what `make mutants` runs. Takes half an hour.

Exit 1: a mutant survived that docs/mutants.md does not explain.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.processes import ROOT

EXPLAINED = ROOT / "docs" / "mutants.md"
CAUGHT = {"killed", "timeout", "segfault", "caught by type check"}


def mutmut(tree: Path, *arguments: str) -> str:
    """Run it in this tree; hypothesis draws the same examples each time."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    environment = os.environ | {"CI": "true"}
    run = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    return run.stdout


def copy_to(tree: Path) -> None:
    """Copy what is tracked, as it is now."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    for name in filter(lambda name: (ROOT / name).is_file(), names.splitlines()):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)


def mutation(tree: Path, mutant: str) -> list[str]:
    """Return the lines that a mutant takes away and puts there."""
    lines = mutmut(tree, "show", mutant).splitlines()
    return [line for line in lines if line.startswith(("-", "+")) and not line.startswith(("---", "+++"))]


def is_explained(lines: list[str], explanations: str) -> bool:
    """Whether the last changed line, as it reads in the mutant, stands in the document."""
    return bool(lines) and f"`{lines[-1][1:].strip()}`" in explanations


def main(*only: str) -> int:
    """Mutate, test, judge; `only` names mutants, with * for any text."""
    explanations = EXPLAINED.read_text().replace("\\|", "|")  # as a table's cell has it
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        tree = Path(directory)
        copy_to(tree)
        mutmut(tree, "run", "--max-children", "2", *only)
        results = [line.strip().split(": ") for line in mutmut(tree, "results", "--all", "true").splitlines()]
        counted = Counter(status for _, status in results)
        survivors = {name: mutation(tree, name) for name, status in results if status == "survived"}
    explained = [name for name, lines in survivors.items() if is_explained(lines, explanations)]
    tested = sum(counted.values()) - counted["not checked"] - len(explained)
    caught = sum(counted[status] for status in CAUGHT)
    for name in survivors.keys() - set(explained):
        print("\n".join([f"\n{name} survived:", *survivors[name]]))  # noqa: T201
    print(f"\n{dict(counted)}; {len(explained)} explained; score {caught} of {tested}")  # noqa: T201
    return int(caught < tested or not tested)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
