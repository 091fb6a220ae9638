"""The checks before the start: each lives beside the adapter that it checks; here they are run, and waited for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from python_app_template.core.ports.checks import Check, CheckDoubtful, CheckFailed
from python_app_template.core.ports.clock import Clock

log = structlog.get_logger(__name__)


class Finding(NamedTuple):
    """What a check found; `remedy` is "" when all is well. With a remedy and `ok` it is a warning."""

    name: str
    ok: bool
    found: str
    remedy: str

    def line(self) -> str:
        """Say it in one line."""
        return f"{self.name}: {self.found}" + (f": {self.remedy}" if self.remedy else "")


class PreflightFailed(Exception):
    """The service can't start; exit code 3. `findings` has all checks, in their order."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(finding.line() for finding in findings if not finding.ok))


async def preflight(checks: Sequence[Check], wait_seconds: float, clock: Clock) -> AsyncIterator[Finding]:
    """Run the checks side by side and yield their findings in order; what may come right by itself is waited for.

    Side by side, as a broker that is away lets each of its checks wait for its whole answer time.
    """
    looks = [asyncio.create_task(_look(check, wait_seconds, clock)) for check in checks]
    try:
        for look in looks:
            yield await look
    finally:
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


async def pass_preflight(checks: Sequence[Check], wait_seconds: float, clock: Clock) -> None:
    """Run them and log a line for each. Raises PreflightFailed."""
    findings = []
    async for finding in preflight(checks, wait_seconds, clock):
        if finding.ok and not finding.remedy:
            log.info("preflight", **finding._asdict())
        else:
            (log.warning if finding.ok else log.error)("preflight", **finding._asdict())
        findings.append(finding)
    if wanting(findings):
        raise PreflightFailed(findings)


def wanting(findings: Sequence[Finding]) -> bool:
    """Whether one of them is not well."""
    return not all(finding.ok for finding in findings)


async def _look(check: Check, seconds: float, clock: Clock) -> Finding:
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, CheckFailed | CheckDoubtful) and error.passing),
            stop=stop_after_delay(seconds),
            wait=_wait(seconds),
            sleep=clock.sleep,
            reraise=True,
        ):
            with attempt:
                return Finding(check.name, ok=True, found=await check.look(), remedy="")
    except CheckDoubtful as doubt:
        return Finding(check.name, ok=True, found=doubt.found, remedy=doubt.remedy)
    except CheckFailed as failed:
        return Finding(check.name, ok=False, found=failed.found, remedy=failed.remedy)
    raise AssertionError("tenacity ends with a result or an error")


class _wait(wait_random_exponential):  # noqa: N801 - as the library names its own
    """With jitter, and never beyond the time that is left."""

    def __init__(self, seconds: float) -> None:
        super().__init__(multiplier=0.1, max=2)
        self._seconds = seconds

    def __call__(self, retry_state: RetryCallState) -> float:
        left = self._seconds - (retry_state.seconds_since_start or 0.0)
        return max(min(super().__call__(retry_state), left), 0.01)
