"""The files that measurements left behind, and what was written by hand beside them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.benchmark.summary import Summary, summaries
from tests.benchmark.trial import Trial

REFERENCE: Final = ("service", 0)


class Measurements:
    """Everything in one directory; what is not there was not measured."""

    def __init__(self, directory: Path) -> None:
        self._records = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(directory.glob("*.json"))}
        self._texts = texts(directory / "explanations.txt")

    @property
    def records(self) -> Mapping[str, Any]:
        """All files as they are, by the measurement's name."""
        return self._records

    def figures(self, name: str) -> Any:
        """What was found; empty when it was not measured."""
        return self._records.get(name, {}).get("figures", {})

    def explanation(self, key: str) -> str:
        """What somebody wrote about a target."""
        return self._texts.get(key, "")

    def sides(self, load: str = "sunny") -> Sequence[Summary]:
        """The summaries of the contest with a load, the reference first."""
        return summaries(self.trials(load))

    def trials(self, load: str = "sunny") -> Sequence[Trial]:
        """Its runs."""
        return msgspec.convert(self.figures("throughput").get(load, {}).get("trials", []), list[Trial], strict=False)

    def side(self, kind: str, form: int = 0, load: str = "sunny") -> Summary | None:
        """One of them."""
        return next((one for one in self.sides(load) if (one.kind, one.form) == (kind, form)), None)

    def noise(self, load: str = "sunny") -> float:
        """How far the reference was from itself, as a share; 0 when it did not run twice."""
        return float(self.figures("throughput").get(load, {}).get("noise", 0.0))


def texts(file: Path) -> dict[str, str]:
    """Read `key: text` lines; what is indented goes on, what begins with # is for whoever edits."""
    found: dict[str, str] = {}
    key = ""
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        if line.startswith("#") or not line.strip():
            continue
        before, _, after = line.partition(":")
        key, more = (key, line) if line[0].isspace() else (before, after)
        found[key] = f"{found.get(key, '')} {more.strip()}".strip()
    return found
