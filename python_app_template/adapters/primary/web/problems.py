"""Problem documents (RFC 9457): every answer that is none, whoever refuses: we, or the framework."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from python_app_template.core.access.refusals import Forbidden, KeysAway, TooMany, Unauthenticated
from python_app_template.core.delivery.faults import TransientError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 1
"""Seconds after which who met an outage may ask again."""

CODES: Mapping[int, str] = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}

OPTIONS = "OPTIONS?"
"""A method that nothing allows: by itself the framework says of a path only what one of its handlers takes."""

log = structlog.get_logger(__name__)


class Fault(NamedTuple):
    """What is wrong with one value; `pointer` says where, as a JSON Pointer in a URI's fragment (RFC 6901, 6)."""

    pointer: str
    detail: str


class Problem(Exception):
    """What the document says. `more` are members of its own."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code = status, detail, code or CODES.get(status, "error")
        self.errors, self.headers, self.more = errors, headers or {}, more

    def body(self) -> bytes:
        """Return the document."""
        return document(self.status, self.code, self.detail, self.errors, **self.more)


def document(status: int, code: str, detail: str, errors: Sequence[Fault] = (), **more: Any) -> bytes:
    """Return a problem document's bytes."""
    said = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": [error._asdict() for error in errors],
    }
    return msgspec.json.encode(said | more)


def invalid(*errors: Fault) -> Problem:
    """Return the problem of what is readable, and against the rules."""
    return Problem(422, errors[0].detail, errors=errors)


def not_found(what: str) -> Problem:
    """Return the problem of what is not there, or not to be seen."""
    return Problem(404, f"there is no such {what}")


def problem_of(error: Exception) -> Problem:  # noqa: PLR0911 - a table
    """Return what is told of any error; of a bug no more than that there is one."""
    match error:
        case Problem():
            return error
        case Unauthenticated():
            return Problem(401, error.why, headers={"www-authenticate": error.challenge})
        case Forbidden():
            return Problem(403, error.why, headers={"www-authenticate": error.challenge})
        case TooMany():
            return Problem(429, error.why, headers={"retry-after": str(error.retry_after)})
        case KeysAway():
            return Problem(503, error.why, headers={"retry-after": str(error.retry_after)})
        case TransientError():
            return unavailable("the broker or the database is away")
        case HTTPException():
            headers = {name.lower(): value for name, value in (error.headers or {}).items()}
            return Problem(error.status_code, error.detail or HTTPStatus(error.status_code).phrase, headers=headers)
        case _:
            return Problem(500, "something that should not have happened; it is logged under this request's id")


def unavailable(why: str, **more: Any) -> Problem:
    """Return the problem of an outage that passes."""
    return Problem(503, why, headers={"retry-after": str(RETRY_AFTER)}, **more)


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer whatever was raised; the framework's handler for all exceptions."""
    problem = problem_of(error)
    if request.method == OPTIONS and problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return Response(b"", status_code=204, headers=problem.headers)
    if isinstance(error, TransientError):  # which one, and where, is nobody's business outside
        log.warning("http.away", method=request.method, path=request.scope["path"], error=f"{error}", code=error.code)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("http.failed", method=request.method, path=request.scope["path"], exc_info=error)
    return Response(problem.body(), status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers)
