"""All sides on the same servers with the same messages, in turns, round after round; the first of them twice."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console

from python_app_template.embedded import Backends
from tests.benchmark import sides
from tests.benchmark.load import Backlog
from tests.benchmark.sides import Side
from tests.benchmark.trial import Plan, RanDryError, Trial, trial

REFERENCE = "service"
"""The module whose first side is what the others are compared with."""

FIXED = "floor"
"""The module whose sides replay what was recorded and end with it: `share` measures them, for no fixed time."""

TRYING = 100_000
"""Messages of the run that shows how many each side needs."""

TRYING_SECONDS = 8.0
SLACK = 1.3
LEAST = 20_000
MORE = 3
"""Times as many messages, for a side that has none left."""
TRIES = 3


class Entry(NamedTuple):
    """A side, and where it is from."""

    kind: str
    form: int
    side: Side

    @property
    def place(self) -> tuple[str, int]:
        """What it is known by."""
        return self.kind, self.form

    def is_called(self, wanted: str) -> bool:
        """Whether it has this very name, or its module has."""
        return wanted in {self.kind, self.side.name}


def entries(load: str, wanted: Sequence[str] = ()) -> list[Entry]:
    """Find all sides that can be given this load and go on, the reference first; of them those that are wanted.

    Raises SystemExit: there is no such side.
    """
    names = {found.name for found in pkgutil.iter_modules(sides.__path__)} - {FIXED}
    modules = sorted(names, key=lambda name: (name != REFERENCE, name))
    found = [entry for name in modules for entry in _of_module(name) if load in entry.side.loads]
    if unknown := [one for one in wanted if not chosen(found, one)]:
        raise SystemExit(f"no side {', '.join(unknown)}; there are {', '.join(entry.side.name for entry in found)}")
    places = {entry.place for one in wanted for entry in chosen(found, one)}
    return [entry for entry in found if not wanted or entry.place in places]


def chosen(found: Sequence[Entry], wanted: str) -> Sequence[Entry]:
    """Those that are called so; else those whose names have it in them."""
    exactly = [entry for entry in found if entry.is_called(wanted)]
    return exactly or [entry for entry in found if wanted.lower() in entry.side.name.lower()]


def _of_module(name: str) -> Iterator[Entry]:
    module = importlib.import_module(f"{sides.__name__}.{name}")
    for form, side in enumerate(getattr(module, "SIDES", ())):
        yield Entry(name, form, side)


class Contest:
    """Runs them, and goes on when one fails: `failures` says why."""

    def __init__(self, backends: Backends, plan: Plan, load: str, directory: Path, screen: Console) -> None:
        self._backends, self._plan, self._directory, self._screen = backends, plan, directory, screen
        self._backlog = Backlog(load)
        self.failures: list[str] = []

    def run(self, entries: Sequence[Entry], rounds: int) -> list[Trial]:
        """Try each, which also warms the broker up; then take turns. Ctrl-C ends it with what there is."""
        found: list[Trial] = []
        try:
            needed = dict(self._tried(entries))
            for number in range(rounds):
                for again, entry in turns(entries, number):
                    if one := self._busy(entry, needed):
                        found.append(msgspec.structs.replace(one, round=number, again=again))
        except KeyboardInterrupt:
            self.failures.append("interrupted")
        return found

    def _tried(self, entries: Sequence[Entry]) -> Mapping[tuple[str, int], int]:
        """Return how many messages each needs to be kept busy."""
        plan = msgspec.structs.replace(self._plan, seconds=TRYING_SECONDS, warm_up_seconds=0)
        tried = {entry.place: self._once(entry, plan, TRYING) for entry in entries}
        return {place: needed(one.orders_per_second, self._plan) if one else TRYING for place, one in tried.items()}

    def _busy(self, entry: Entry, needed: dict[tuple[str, int], int]) -> Trial | None:
        """Run it with so many messages that some are left in the end: the first estimate was of a cold broker."""
        for _ in range(TRIES):
            with suppress(RanDryError):
                found = self._once(entry, self._plan, needed[entry.place])
                if found is None or not found.dry:
                    return found
            needed[entry.place] *= MORE
        self._failed(entry, f"{needed[entry.place]:,} messages would not be enough")
        return None

    def _failed(self, entry: Entry, why: str) -> None:
        self.failures.append(f"{entry.side.name}: {why}")
        self._screen.print(self.failures[-1], style="red", markup=False)

    def _once(self, entry: Entry, plan: Plan, messages: int) -> Trial | None:
        try:
            found = trial(self._backends, entry.side, plan, self._backlog.first(messages), self._directory)
        except RanDryError:
            raise
        except Exception as failure:  # noqa: BLE001 - a side's fault must not cost the others their figures
            self._failed(entry, f"{type(failure).__name__}: {failure}")
            return None
        self._screen.print(told(found), markup=False, highlight=False)
        for violation in found.violations[:5]:
            self._screen.print(f"  {violation}", style="red", markup=False)
        return msgspec.structs.replace(found, kind=entry.kind, form=entry.form)


def needed(rate: float, plan: Plan) -> int:
    """How many messages last for warm-up and measurement; all loads have an order in most of them."""
    return max(LEAST, int(rate * SLACK * (plan.warm_up_seconds + plan.seconds + 4)))


def turns(entries: Sequence[Entry], number: int) -> Iterator[tuple[bool, Entry]]:
    """The first, the others beginning with another one each round, and the first once more."""
    if not entries:
        return
    first, others = entries[0], entries[1:]
    start = number % len(others) if others else 0
    yield False, first
    yield from ((False, entry) for entry in [*others[start:], *others[:start]])
    yield True, first


def told(found: Trial) -> str:
    """One line for those who watch."""
    doubts = "".join(
        f", {doubt}" for doubt, holds in (("not steady", not found.steady), ("ran dry", found.dry)) if holds
    )
    return f"{found.side}: {found.orders_per_second:,.0f} orders/s over {found.seconds:.0f} s{doubts}"
