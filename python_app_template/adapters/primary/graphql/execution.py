"""One request: read, judged, executed. What it may ask for is bounded before anything is done. YOURS."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    execute,
    parse,
    specified_rules,
    subscribe,
    validate,
)

from python_app_template.adapters.primary.graphql.context import Context
from python_app_template.adapters.primary.graphql.errors import VALIDATION_FAILED, answer, refused, with_code
from python_app_template.adapters.primary.graphql.limits import Lengths, Limits, judge, lengths, operations

Body: TypeAlias = Mapping[str, Any]
"""An answer, ready to be written as JSON."""

TOLD: Final = 10
"""Errors of one document, at most."""
COMMENTS: Final = 1000
"""Of one document, at most."""


class Asked(NamedTuple):
    """What came in."""

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None


class Ready(NamedTuple):
    """A document that passed."""

    document: DocumentNode
    asked: Asked
    operation: OperationType


class Execution:
    """Executes requests against one schema."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool) -> None:
        self._schema, self._limits, self._introspection = schema, limits, introspection
        self._lengths: Lengths = lengths(schema)

    def prepare(self, asked: Asked) -> Ready | Body:
        """Read and judge it. Returns the answer at once when it is refused."""
        try:
            document = parse(asked.query, max_lexical_tokens=self._limits.tokens, max_comments=COMMENTS)
        except GraphQLError as error:
            return refused([error])
        if errors := validate(
            self._schema, document, specified_rules, max_errors=TOLD, hide_suggestions=not self._introspection
        ):
            return refused(with_code(errors, VALIDATION_FAILED))
        if too_much := judge(
            self._schema, self._lengths, self._limits, document, asked.variables, introspection=self._introspection
        ):
            return refused(too_much)
        (operation,) = operations(document)
        return Ready(document, asked, operation.operation)

    async def execute(self, ready: Ready, context: Context) -> Body:
        """Answer a query or a mutation."""
        result = execute(
            self._schema,
            ready.document,
            context_value=context,
            variable_values=dict(ready.asked.variables),
            operation_name=ready.asked.operation_name,
        )
        result = result if isinstance(result, ExecutionResult) else await result
        return answer(result.data, result.errors)

    async def subscribe(self, ready: Ready, context: Context) -> AsyncIterator[ExecutionResult] | Body:
        """Open a subscription; or return the answer when it is refused."""
        opened = subscribe(
            self._schema,
            ready.document,
            context_value=context,
            variable_values=dict(ready.asked.variables),
            operation_name=ready.asked.operation_name,
        )
        opened = opened if isinstance(opened, (ExecutionResult, AsyncIterator)) else await opened
        if isinstance(opened, ExecutionResult):
            return refused(opened.errors or ())
        return opened


def asked(body: object) -> Asked:
    """Return what a request's body asks. Raises ValueError: it is not as a request has to be."""
    if not isinstance(body, dict):
        raise ValueError("one object is expected, with query, variables and operationName")  # noqa: TRY004 - not a type of ours
    query, variables, name = body.get("query"), body.get("variables"), body.get("operationName")
    if not isinstance(query, str):
        raise ValueError("query: a text is expected")  # noqa: TRY004 - likewise
    if not isinstance(variables, (dict, type(None))):
        raise ValueError("variables: an object is expected")  # noqa: TRY004 - likewise
    if not isinstance(name, (str, type(None))):
        raise ValueError("operationName: a text is expected")  # noqa: TRY004 - likewise
    return Asked(query, variables or {}, name)
