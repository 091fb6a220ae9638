"""How many faults of each kind there were, how soon the service had moved on after each, and what was found wrong."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self


class Struck(NamedTuple):
    """A fault that was really injected."""

    kind: str
    began: float
    """In seconds as `time.time` counts them."""
    ended: float
    """Likewise; the same for what takes no time."""

    def overlaps(self, other: "Struck") -> bool:
        """Whether both were there at a moment."""
        return self.began <= other.ended and other.began <= self.ended


class Recovery(NamedTuple):
    """How long it took, in seconds."""

    seconds: float
    alone: bool
    """No other fault came until it was over; failpoints don't count."""


@dataclass
class Tally:
    """Of a round, a run, or many."""

    seeds: list[int] = field(default_factory=list)
    rounds: int = 0
    seconds: float = 0.0
    messages: int = 0
    events: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    recoveries: dict[str, list[Recovery]] = field(default_factory=dict)
    """By kind; of those faults after which recovery was seen."""
    failpoints: Counter[str] = field(default_factory=Counter)
    """How often each was hit."""
    ends: Counter[str] = field(default_factory=Counter)
    """How processes ended."""
    answers: Counter[str] = field(default_factory=Counter)
    """How writes over HTTP were answered, and what became of them."""
    mails: Counter[str] = field(default_factory=Counter)
    """What arrived, of it again, refused for good; and the lines that there were to tell of."""
    violations: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    """What is wrong beside the outcome: a process that ended by itself, a part that halted, no end in time."""

    def add(self, other: Self) -> None:
        """Count the other's with these."""
        self.seeds += [seed for seed in other.seeds if seed not in self.seeds]
        self.rounds += other.rounds
        self.seconds += other.seconds
        self.messages += other.messages
        self.events += other.events
        for kind, seconds in other.recoveries.items():
            self.recoveries.setdefault(kind, []).extend(seconds)
        self.faults += other.faults
        self.failpoints += other.failpoints
        self.ends += other.ends
        self.answers += other.answers
        self.mails += other.mails
        self.violations += other.violations
        self.findings += other.findings

    def append_to(self, path: Path) -> None:
        """Write it as a line of JSON behind those that are there."""
        with path.open("a") as file:
            file.write(json.dumps(vars(self)) + "\n")

    def table(self) -> Iterator[str]:
        """Lines of markdown."""
        yield "| fault | injected | moved on after, p50 | max | with no other fault, p50 | max |"
        yield "|---|--:|--:|--:|--:|--:|"
        for kind, count in sorted(self.faults.items()):
            seen = self.recoveries.get(kind, [])
            every, alone = [one.seconds for one in seen], [one.seconds for one in seen if one.alone]
            yield f"| {kind} | {count:,} | {_spread(every)} | {_spread(alone)} |"
        yield f"| **all** | **{self.faults.total():,}** | | | | |"
        yield ""
        yield (
            f"{self.rounds:,} rounds in {self.seconds / 60:.0f} minutes, seeds {', '.join(map(str, self.seeds))}; "
            f"{self.messages:,} messages, {self.events:,} events; **{len(self.violations)} violations**, "
            f"{len(self.findings)} findings. Processes: "
            + ", ".join(f"{count:,} {how}" for how, count in self.ends.most_common())
            + "."
        )
        told = {"Writes over HTTP": self.answers, "Mails": self.mails}
        yield from (
            f"{what}: " + ", ".join(f"{count:,} {name}" for name, count in counted.most_common()) + "."
            for what, counted in told.items()
            if counted
        )


COUNTED = ("faults", "failpoints", "ends", "answers", "mails")


def _spread(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.2f} s | {max(seconds):.1f} s" if seconds else "- | -"


def read(lines: Iterable[str]) -> Tally:
    """Add up what `append_to` wrote."""
    total = Tally()
    for line in lines:
        found: dict[str, Any] = json.loads(line)
        found |= {name: Counter(found.get(name, {})) for name in COUNTED}
        found["recoveries"] = {kind: [Recovery(*one) for one in every] for kind, every in found["recoveries"].items()}
        total.add(Tally(**found))
    return total
