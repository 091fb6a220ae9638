"""Waiting until this process is the one that does what only one may do."""

from collections.abc import Callable

from python_app_template.core.ports.publishing import Term


async def queued(term: Term, is_draining: Callable[[], bool]) -> bool:
    """Wait for the term in one session: another has it, for days maybe. False: drained before it came.

    Raises TransientError.
    """
    leads = await term.holds()
    while not leads and not is_draining():
        leads = await term.queue()
    return leads
