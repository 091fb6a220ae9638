"""An API as a table: each operation with its path, its actions and what it takes; made into handlers and a document."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from litestar.handlers import HTTPRouteHandler

from python_app_template.adapters.primary.web.guard import ACTIONS
from python_app_template.adapters.primary.web.problems import CODES, MEDIA_TYPE
from python_app_template.core.access.policy import Action, Anyone, Policy

REF: Final = "#/components/schemas/"


class Handler(HTTPRouteHandler):
    """The framework copies a handler for each guard of each request: a twelfth of the request's time."""

    def __copy__(self) -> Self:
        """Nobody changes it after it was made."""
        return self


@dataclass(frozen=True, slots=True)
class Parameter:
    """What stands in a path or a query, with its JSON Schema."""

    name: str
    where: str
    schema: Mapping[str, Any]
    says: str

    def described(self) -> dict[str, Any]:
        """Return it as OpenAPI has it."""
        return {
            "name": self.name,
            "in": self.where,
            "required": self.where == "path",
            "description": self.says,
            "schema": self.schema,
        }


@dataclass(frozen=True, slots=True)
class Operation:
    """One request. `name` is its method's among the handlers; `body`, `answer` and `refused` name schemas."""

    method: str
    path: str
    name: str
    tag: str
    """What it is shown under."""
    says: str
    actions: Sequence[Action]
    status: int
    answer: str
    parameters: Sequence[Parameter] = ()
    body: str | None = None
    refusals: Sequence[int] = ()
    """Beside those that every operation has."""

    def route(self, handlers: object) -> HTTPRouteHandler:
        """Return it as the framework takes it."""
        return Handler(
            self.path,
            http_method=self.method,  # type: ignore[arg-type] # a word of theirs
            status_code=self.status,
            opt={ACTIONS: tuple(self.actions)},
            include_in_schema=False,
            name=self.name,
        )(getattr(handlers, self.name))

    @property
    def documented_path(self) -> str:
        """Return the path as OpenAPI writes it."""
        return self.path.replace(":str}", "}")

    def described(self, policy: Policy, unacknowledged: str) -> dict[str, Any]:
        """Return it as OpenAPI has it; `unacknowledged` is the schema of a write's 503."""
        described: dict[str, Any] = {
            "operationId": self.name,
            "tags": [self.tag],
            "summary": self.says,
            "parameters": [parameter.described() for parameter in self.parameters],
            "responses": dict(self._responses(policy, unacknowledged)),
            "security": self._security(policy),
        }
        if self.body is not None:
            described["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(self.body)}}}
        return described

    def _security(self, policy: Policy) -> list[dict[str, list[str]]]:
        scopes = sorted({scope for action in self.actions for scope in policy.rules[action].scopes})
        public = any(policy.rules[action].all is Anyone.EVERYBODY for action in self.actions)
        return [] if public else [{"token": [scope]} for scope in scopes]

    def _responses(self, policy: Policy, unacknowledged: str) -> Iterable[tuple[str, dict[str, Any]]]:
        said = "Sent, and acknowledged by the broker" if self.status == 202 else "Found"  # noqa: PLR2004 - HTTP's own
        headers = {"x-request-id": _header("This request's id, which the log has too")}
        if self.status == 202:  # noqa: PLR2004 - likewise
            headers["location"] = _header("Where the command's status is")
        yield str(self.status), _response(said, self.answer, "application/json", headers)
        refusals = {400, 405, 429, 500, 503, *self.refusals} | ({401, 403} if self._security(policy) else set())
        refusals |= {413, 415, 422} if self.body else set()
        for status in sorted(refusals):
            schema = unacknowledged if (status, self.status) == (503, 202) else "ProblemDocument"
            headers = {"retry-after": _header("Seconds until it is worth another try")} if status in {429, 503} else {}
            yield str(status), _response(CODES[status].replace("_", " ").capitalize(), schema, MEDIA_TYPE, headers)


def _header(says: str) -> dict[str, Any]:
    return {"description": says, "schema": {"type": "string"}}


def _response(says: str, schema: str, media_type: str, headers: Mapping[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": says, "content": {media_type: {"schema": _ref(schema)}}}
    return response | ({"headers": headers} if headers else {})


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"{REF}{name}"}


def document(
    operations: Sequence[Operation],
    tags: Mapping[str, str],
    schemas: Mapping[str, Any],
    policy: Policy,
    *,
    title: str,
    version: str,
    unacknowledged: str,
) -> dict[str, Any]:
    """Return the API's OpenAPI 3.1 document; `tags` say what operations are shown under, in this order."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = operation.described(policy, unacknowledged)
        paths.setdefault(operation.documented_path, {})[operation.method.lower()] = described
    token = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "tags": [{"name": name, "description": says} for name, says in tags.items()],
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": {"token": token}},
    }
