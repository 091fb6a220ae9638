"""The process: when it is dead, how it starts and stops, what it logs, faults on demand."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from python_app_template.settings.kinds import Allowed, Failpoints, LogLevel, Seconds
from python_app_template.settings.sections.section import Section


class Health(Section):
    """When the service calls itself dead."""

    stalled_seconds: Seconds = 60
    """Seconds for which a thread may be silent, or work may wait without a reason."""


LEAVE_SECONDS = 10.0
"""Beyond the grace, to leave the group and to close what is open."""


class Drain(Section):
    """Stopping when asked to."""

    grace_seconds: Seconds = 25
    """Seconds for the batch in hand and for what is committed and not yet published."""
    killed_after_seconds: Annotated[Seconds | None, Allowed("number, more than 0, at most 86400")] = None
    """Seconds that the orchestrator waits before it kills, where it is to be checked; the grace and 10 s at least."""

    def contradictions(self) -> Iterator[str]:
        """A kill before the end."""
        needed = self.grace_seconds + LEAVE_SECONDS
        if self.killed_after_seconds is not None and self.killed_after_seconds < needed:
            yield f"APP_DRAIN__KILLED_AFTER_SECONDS: less than APP_DRAIN__GRACE_SECONDS and {LEAVE_SECONDS:g} s more"


class Preflight(Section):
    """The checks before the start."""

    wait_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 30
    """Seconds to wait for what is away; then exit code 3."""


class Log(Section):
    """What is logged, and how."""

    level: LogLevel = "INFO"
    """The least important that is logged."""
    format: Literal["json", "console"] = "json"
    """`json`: an object on each line; `console`: for people."""


class FailpointSettings(Section):
    """Faults on demand, to see what the service makes of them; never in production."""

    points: Failpoints = ""
    """What shall happen where, for instance `worker.committed=2*off->1*crash`; docs/operations.md lists the points."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    """What chances are drawn from: the same seed, the same draws at each point."""
