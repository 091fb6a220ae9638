"""Makes docs/configuration.md and docs/settings.example.yaml from the settings' own descriptions (`make docs`)."""

import ast
import inspect
import json
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from pydantic import BaseModel

from python_app_template.settings.faults import allowed, fields, keeps_secret, sections, shown, value_at, variable
from python_app_template.settings.settings import Settings

HEAD = """# Configuration

<!-- Made by `make docs` from the settings' own descriptions; a test fails when it is stale. -->

Settings come from, strongest first: the command line, the environment, the file `.env` in the working directory,
the YAML file that `APP_CONFIG_FILE` names (an [example](settings.example.yaml)), the files in the folder that
`APP_SECRETS_DIR` names (each called as its variable, in upper or lower case), and the defaults below. An empty
variable counts as not set. `python-app-template settings` shows every setting, masked, and where it came from.

A wrong setting ends the service before it starts, with exit code 2 and one line for each fault; so does a variable
that looks like a setting and is none.
"""

YAML_HEAD = """\
# Every setting with its default, in comments. Name this file in APP_CONFIG_FILE.
# The environment is stronger. Passwords belong into the environment or into files below APP_SECRETS_DIR.
# Made by `make docs`; docs/configuration.md says the same as a table.
"""


class Row(NamedTuple):
    """One setting, described."""

    section: str
    name: str
    variable: str
    meaning: str
    allowed: str
    default: str


def rows() -> Iterator[Row]:
    """Describe every setting, section after section; section "" comes first."""
    # Defaults alone: what this process happens to be set to is nobody's business here.
    defaults = Settings.model_construct()
    meaning = {name: meanings(section) for name, section in sections(Settings).items()} | {"": meanings(Settings)}
    for path, field in fields(Settings):
        words = allowed(field) + ("; secret" if keeps_secret(field) else "")
        section, name = ("", *path)[-2:]
        yield Row(section, name, variable(path), meaning[section][name], words, shown(value_at(defaults, path)))


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """What stands below each field, by the name that it is set by: without the underscore of `from_`.

    pydantic's `use_attribute_docstrings` would read and parse the source at every start of the service: half of the
    time that the settings take to import.
    """
    (body,) = (node.body for node in ast.parse(inspect.getsource(model)).body if isinstance(node, ast.ClassDef))
    return {
        field.target.id.removesuffix("_"): inspect.cleandoc(below.value.value)
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def titles() -> dict[str, str]:
    """What each section is about."""
    about = {name: section.__doc__ or "" for name, section in sections(Settings).items()}
    return {"": "The process as a whole."} | about


def configuration() -> str:
    """Write docs/configuration.md."""
    parts = [HEAD]
    for section, members in groupby(rows(), lambda row: row.section):
        parts += [f"## {section.capitalize() or 'General'}\n", f"{titles()[section]}\n", _table(members)]
    return "\n".join(parts)


def _table(members: Iterable[Row]) -> str:
    lines = ["| variable | meaning | allowed | default |", "|---|---|---|---|"]
    lines += [
        f"| `{row.variable}` | {row.meaning} | {row.allowed} | {f'`{row.default}`' if row.default else ''} |"
        for row in members
    ]
    return "\n".join(lines) + "\n"


def example() -> str:
    """Write docs/settings.example.yaml."""
    parts = [YAML_HEAD]
    for section, members in groupby(rows(), lambda row: row.section):
        parts.append(f"\n# {titles()[section]}\n" + (f"{section}:\n" if section else ""))
        parts += [_entry(row, "  " if section else "") for row in members]
    return "".join(parts)


def _entry(row: Row, indent: str) -> str:
    comments = wrap(f"{row.meaning} ({row.allowed})", 100, break_long_words=False, break_on_hyphens=False)
    value = row.default if row.default.replace(".", "", 1).isdigit() else json.dumps(row.default)
    # What has no default is shown as nothing, which means "not set".
    entry = f"{indent}#{row.name}: {value}" if row.default else f"{indent}#{row.name}:"
    return "\n".join([*(f"{indent}# {line}" for line in comments), entry, ""])


def main() -> None:
    """Write both files where they belong."""
    docs = Path(__file__).parents[2] / "docs"
    (docs / "configuration.md").write_text(configuration(), "utf-8")
    (docs / "settings.example.yaml").write_text(example(), "utf-8")


if __name__ == "__main__":
    main()
