"""Writes docs/openapi.json. YOURS."""

from importlib.metadata import version
from pathlib import Path

import msgspec

from python_app_template.adapters.primary.rest.operations import openapi

DOCUMENT = Path("docs/openapi.json")


def write() -> None:
    """Write it, from the root of the repository."""
    name = "python-app-template"
    DOCUMENT.write_bytes(msgspec.json.format(msgspec.json.encode(openapi(name, version(name))), indent=1) + b"\n")


if __name__ == "__main__":
    write()
