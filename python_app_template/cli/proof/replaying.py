"""Dead letters that are returned by commands which die on the way; the last one is let live."""

import sys
from collections.abc import Iterator, Sequence

from python_app_template.cli.proof.plan import Kill
from python_app_template.cli.proof.theatre import Killed
from python_app_template.cli.proof.victim import NotReachedError, Victim

COMMAND = (sys.executable, "-c", "from python_app_template.cli.app import main; main()", "dlq", "replay")
ONCE = ("--max-attempts", "1")
"""What comes back as a dead letter stays one."""
SOME = ("--limit", "10")
"""Whoever is killed may return so many; the rest is left for those that follow."""


def replayed(victim: Victim, kills: Sequence[Kill]) -> Iterator[Killed]:
    """Kill a replay at each of its failpoints, then have all returned that is left. Raises CommandFailed."""
    for kill in kills:
        victim.start("", kill.setting, [*COMMAND, *ONCE, *SOME])
        try:
            yield Killed(kill, [victim.die(kill)])
        except NotReachedError as fault:
            yield Killed(kill, [], str(fault))
    victim.start("", "", [*COMMAND, *ONCE])
    victim.finish()
