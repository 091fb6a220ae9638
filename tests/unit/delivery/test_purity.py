"""The rules of delivery stay pure: what they import says so."""

import ast
from pathlib import Path

import pytest

from python_app_template.core import delivery

MODULES = sorted(Path(delivery.__file__).parent.glob("*.py"))
PURE = {"collections", "collections.abc", "dataclasses", "datetime", "enum", "re", "typing", "__future__"}
PURE |= {"base64", "hashlib", "hmac"}


def imported(module: Path) -> set[str]:
    tree = ast.parse(module.read_text())
    plain = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.stem))
def test_a_rule_imports_nothing_but_values_and_other_rules(module: Path) -> None:
    others = {name for name in imported(module) if not name.startswith("python_app_template.core.delivery")}
    assert others <= PURE


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.stem))
def test_a_rule_waits_for_nothing(module: Path) -> None:
    awaiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, awaiting)]
