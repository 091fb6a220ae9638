"""What a database error means for the work that met it. Codes: PostgreSQL manual, appendix A."""

import asyncio
from enum import Enum, auto

import asyncpg
from sqlalchemy import exc

from python_app_template.core.delivery.faults import (
    CommitInDoubt,
    FatalError,
    MessageError,
    SlowError,
    TransientError,
)

Fault = TransientError | MessageError | FatalError


class Meaning(Enum):
    """Whose fault it is."""

    TRANSIENT = auto()
    """The outside's, and it will pass."""
    SLOW = auto()
    """The outside's, or one heavy message's: it is suspected when it happens again and again."""
    MESSAGE = auto()
    """The work's itself."""
    FATAL = auto()
    """The deployment's: a person has to act."""


READ_ONLY = "25006"

MEANINGS = {
    # exact codes
    READ_ONLY: Meaning.TRANSIENT,  # read_only_sql_transaction: a failover left us on a standby
    "25P03": Meaning.SLOW,  # idle_in_transaction_session_timeout
    "25P04": Meaning.SLOW,  # transaction_timeout
    "40001": Meaning.TRANSIENT,  # serialization_failure
    "40P01": Meaning.TRANSIENT,  # deadlock_detected
    "53100": Meaning.TRANSIENT,  # disk_full: somebody will make room, no message is to blame
    "53200": Meaning.MESSAGE,  # out_of_memory: one message may want too much
    "53300": Meaning.TRANSIENT,  # too_many_connections
    "53400": Meaning.MESSAGE,  # configuration_limit_exceeded
    "55P03": Meaning.TRANSIENT,  # lock_not_available: lock_timeout, somebody else holds it
    "57014": Meaning.SLOW,  # query_canceled: statement_timeout
    "57P01": Meaning.TRANSIENT,  # admin_shutdown
    "57P02": Meaning.TRANSIENT,  # crash_shutdown
    "57P03": Meaning.TRANSIENT,  # cannot_connect_now: starting up or in recovery
    "57P04": Meaning.TRANSIENT,  # database_dropped: connecting again tells whether it came back
    "57P05": Meaning.TRANSIENT,  # idle_session_timeout
    # classes
    "08": Meaning.TRANSIENT,  # connection exception
    "22": Meaning.MESSAGE,  # data exception
    "23": Meaning.MESSAGE,  # integrity constraint violation
    "40": Meaning.TRANSIENT,  # transaction rollback
    "54": Meaning.MESSAGE,  # program limit exceeded
}
"""By code, else by class (the first two characters). All that is not here is fatal: 28 (who may connect), 3D (no such
database), 42 (no such table, no right), 58 (the system's own errors) and XX (corruption) among it: good messages must
not be blamed for a bad disk."""

_DRIVER_ERRORS = (
    *(OSError, EOFError, TimeoutError, asyncio.TimeoutError, exc.TimeoutError, asyncpg.InterfaceError),
    asyncpg.InternalClientError,  # "not connected", between the server's good-bye and the end of the connection
)
ERRORS = (exc.DBAPIError, asyncpg.PostgresError, *_DRIVER_ERRORS)
"""All that the driver and SQLAlchemy raise about a statement or a connection."""


def sqlstate(error: BaseException) -> str | None:
    """Return the five characters that the server sent; None: it is an error of the driver's or the network's."""
    origin = error.orig if isinstance(error, exc.DBAPIError) else error
    code = getattr(origin, "sqlstate", None)
    return code if isinstance(code, str) else None


def meaning(code: str) -> Meaning:
    """Look the code up, then its class."""
    return MEANINGS.get(code) or MEANINGS.get(code[:2]) or Meaning.FATAL


def is_lost_connection(error: BaseException) -> bool:
    """Whether nobody knows what the server made of the statement: it went, or was told to go, without an answer."""
    code = sqlstate(error)
    if code is not None:
        return code.startswith(("08", "57P"))
    return not _is_stale_plan(error)


def spoils_connection(error: BaseException | None) -> bool:
    """Whether the connection is not to be used again: it may be dead, in the middle of something, or to a standby.

    (A server that was the primary refuses to write for as long as one stays connected to it.)
    """
    if isinstance(error, ERRORS):
        return is_lost_connection(error) or sqlstate(error) == READ_ONLY
    return isinstance(error, CommitInDoubt) or (error is not None and not isinstance(error, Exception))


def classify(error: BaseException, *, at_work: bool = False) -> Fault:
    """Return the fault to raise. `at_work`: a transaction was open, so a lost connection may be a message's doing."""
    code, text = sqlstate(error), _text(error)
    if code is None or _is_stale_plan(error):
        lost = at_work and not _is_stale_plan(error)
        kind = type(getattr(error, "orig", None) or error).__name__
        return (SlowError if lost else TransientError)(text, code=kind)
    match meaning(code):
        case Meaning.TRANSIENT:
            died = at_work and code in {"08003", "08006"}
            return (SlowError if died else TransientError)(text, code=code)
        case Meaning.SLOW:
            return SlowError(text, code=code)
        case Meaning.MESSAGE:
            return MessageError(text)
        case Meaning.FATAL:
            return FatalError(text)


def _is_stale_plan(error: BaseException) -> bool:
    """A migration changed a table under a cached plan (SQLSTATE 0A000): prepared again, it works."""
    origin = getattr(error, "orig", None) or error
    return "cached statement plan" in str(origin) or "cached plan must not change" in str(origin)


def _text(error: BaseException) -> str:
    """One line with the code; of SQLAlchemy's text only the server's part, without statement and parameters."""
    origin = error.orig if isinstance(error, exc.DBAPIError) and error.orig else error
    code = sqlstate(error)
    line = str(origin).removeprefix("<class 'asyncpg.exceptions.").replace("\n", " ").strip() or type(origin).__name__
    line = line.replace("'>: ", ": ", 1)
    return f"{line} (SQLSTATE {code})" if code else line
