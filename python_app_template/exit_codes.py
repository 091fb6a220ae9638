"""What a process says when it ends."""

from enum import IntEnum


class ExitCode(IntEnum):
    """As the contract names them."""

    STOPPED = 0
    """As asked to, everything in hand finished."""
    ERROR = 1
    """Unexpected, and logged with its traceback."""
    SETTINGS = 2
    """Bad settings or arguments."""
    PREFLIGHT = 3
    """A check before the start failed."""
    WANTING = 4
    """The command did its work and found what it looks for wanting."""
    INTERRUPTED = 130
    """A second signal: stopped at once."""
