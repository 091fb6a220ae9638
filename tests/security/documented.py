"""The statements and commands of docs/security.md, as the tests run them."""

import re
from collections.abc import Sequence
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"


def statements(mention: str) -> list[str]:
    """The SQL of the block that has this in it."""
    (block,) = [block for block in _blocks("sql") if mention in block]
    return [statement.strip() for statement in block.split(";") if statement.strip()]


def kafka_acls(principal: str) -> Sequence[str]:
    """The lines of `kafka-acls.sh` for this principal."""
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    return [line for line in lines if f"--allow-principal User:{principal} " in line]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
