"""Errors as clients get them: each with a code; what is nobody's business is told to the log alone."""

import re
from collections.abc import Sequence
from typing import Any, Final

import structlog
from graphql import GraphQLError, GraphQLFormattedError, GraphQLSyntaxError

from python_app_template.adapters.primary.web.problems import Fault, Problem
from python_app_template.adapters.primary.writes import Unacknowledged
from python_app_template.core.access.refusals import Forbidden, TooMany, Unauthenticated
from python_app_template.core.delivery.faults import TransientError

PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
BAD_INPUT: Final = "BAD_USER_INPUT"
TOO_DEEP: Final = "TOO_DEEP"
TOO_COSTLY: Final = "TOO_COSTLY"
TOO_MANY_TOKENS: Final = "TOO_MANY_TOKENS"
TOO_MANY_OPERATIONS: Final = "TOO_MANY_OPERATIONS"
INTROSPECTION_OFF: Final = "INTROSPECTION_OFF"
UNAUTHENTICATED: Final = "UNAUTHENTICATED"
FORBIDDEN: Final = "FORBIDDEN"
TOO_MANY_SUBSCRIPTIONS: Final = "TOO_MANY_SUBSCRIPTIONS"
RATE_LIMITED: Final = "RATE_LIMITED"
UNAVAILABLE: Final = "SERVICE_UNAVAILABLE"
INTERNAL: Final = "INTERNAL_SERVER_ERROR"
CODES: Final = {404: "NOT_FOUND", 503: UNAVAILABLE}
"""Of problems that REST has a status for; all others are of the input."""

RETRY_AFTER: Final = 1
"""Seconds; what is away is back within a few."""

log = structlog.get_logger(__name__)


class Refusal(GraphQLError):
    """What was asked for is refused, with a code and a line that whoever asked may read."""

    def __init__(self, code: str, message: str, **more: object) -> None:
        super().__init__(message, extensions={"code": code, **more})


def with_code(errors: Sequence[GraphQLError], code: str) -> list[GraphQLError]:
    """Return the errors of one kind, each with its code; one that has one already keeps it."""
    for error in errors:
        error.extensions = {"code": code, **(error.extensions or {})}
    return list(errors)


def formatted(error: GraphQLError) -> GraphQLFormattedError:
    """Return the error as it goes out."""
    told, cause = error.formatted, error.original_error
    while isinstance(cause, GraphQLError):  # as graphql-core wraps what it finds in variables
        cause = cause.original_error
    if cause is None:
        told.setdefault("extensions", {"code": _code(error)})
    else:
        told["message"], told["extensions"] = explained(cause, error.path)
    return told


def explained(fault: Exception, path: object = None) -> tuple[str, dict[str, Any]]:  # noqa: PLR0911 - a table
    """Return what is told of an exception: a line, and its code with whatever else a program may want."""
    match fault:
        case Problem():
            said: dict[str, Any] = {"code": CODES.get(fault.status, BAD_INPUT)}
            return fault.detail, said | ({"errors": [_camel(one) for one in fault.errors]} if fault.errors else {})
        case Forbidden():
            return fault.why, {"code": FORBIDDEN}
        case Unauthenticated():
            return fault.why, {"code": UNAUTHENTICATED}
        case TooMany():
            return fault.why, {"code": RATE_LIMITED, "retryAfter": fault.retry_after}
        case Unacknowledged():
            names = {_in_camel_case(name): value for name, value in fault.names.items()}
            said = {"code": UNAVAILABLE, "retryAfter": RETRY_AFTER, "outcome": "unknown", **names}
            return f"nobody knows whether it was taken: {fault}", said
        case TransientError():
            log.warning("graphql.away", error=str(fault), code=fault.code)
            return "the broker or the database is away", {"code": UNAVAILABLE, "retryAfter": RETRY_AFTER}
        case _:
            log.error("graphql.failed", exc_info=fault, path=path)
            return "something that should not have happened; it is logged", {"code": INTERNAL}


def _camel(fault: Fault) -> dict[str, str]:
    return {"pointer": _in_camel_case(fault.pointer), "detail": fault.detail}


def _in_camel_case(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def answer(data: Any, errors: Sequence[GraphQLError] | None) -> dict[str, Any]:
    """Return the body of an answer to what was executed."""
    return {"data": data} | (refused(errors) if errors else {})


def refused(errors: Sequence[GraphQLError]) -> dict[str, Any]:
    """Return the body of an answer to what was not executed."""
    return {"errors": [formatted(error) for error in errors]}


def _code(error: GraphQLError) -> str:
    if not isinstance(error, GraphQLSyntaxError):
        return BAD_INPUT  # a value that the schema's own types refuse, found while executing
    return TOO_MANY_TOKENS if " tokens." in error.message else PARSE_FAILED
