"""The schema's document is what is served, and says what the views, the events and the policy have."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from graphql import (
    FieldDefinitionNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectTypeDefinitionNode,
    build_schema,
    parse,
    print_ast,
    print_schema,
)

from python_app_template.adapters.primary.graphql.connections import Arguments, Connection, Edge, PageInfo
from python_app_template.adapters.primary.graphql.execution import Asked, Execution, Ready
from python_app_template.adapters.primary.graphql.limits import Limits
from python_app_template.adapters.primary.graphql.payloads import CommandShown, WriteShown
from python_app_template.adapters.primary.graphql.schema import SCHEMA
from python_app_template.adapters.primary.writes import CreateBatch, PlaceOrder
from python_app_template.adapters.wire.events import Body, Cause
from python_app_template.core.access.rules import Scope
from python_app_template.core.delivery.commands import Status
from python_app_template.core.domain.order import LineStatus
from python_app_template.core.domain.views import BatchView, LineView, OrderView, StockView
from tests.unit.graphql.desk import schema

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def served() -> GraphQLSchema:
    return schema()


def names(kind: Any) -> set[str]:
    """Field names, as the schema writes them."""
    found = getattr(kind, "_fields", None) or getattr(kind, "__struct_fields__", None) or [f.name for f in fields(kind)]
    return {re.sub(r"_([a-z])", lambda match: match[1].upper(), name) for name in found}


def test_what_is_served_is_the_document(served: GraphQLSchema) -> None:
    assert print_schema(served) == print_schema(build_schema(SCHEMA))


def test_every_root_field_is_answered(served: GraphQLSchema) -> None:
    for root in (served.query_type, served.mutation_type):
        assert root is not None
        assert all(field.resolve is not None for field in root.fields.values())
    assert served.subscription_type is not None
    assert all(field.subscribe is not None for field in served.subscription_type.fields.values())


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("Order", OrderView),
        ("Line", LineView),
        ("Stock", StockView),
        ("Batch", BatchView),
        ("Command", CommandShown),
        ("WritePayload", WriteShown),
        ("Cause", Cause),
        ("PageInfo", PageInfo),
        ("OrderConnection", Connection),
        ("OrderEdge", Edge),
        ("StockConnection", Connection),
        ("StockEdge", Edge),
        ("PlaceOrderInput", PlaceOrder),
        ("CreateBatchInput", CreateBatch),
    ],
)
def test_a_type_has_the_fields_of_what_it_shows(served: GraphQLSchema, kind: str, shown: Any) -> None:
    told = served.type_map[kind]
    assert isinstance(told, (GraphQLObjectType, GraphQLInputObjectType))
    assert told.fields.keys() == names(shown)


def test_an_event_has_the_fields_of_all_events(served: GraphQLSchema) -> None:
    told = served.type_map["Event"]
    assert isinstance(told, GraphQLObjectType)
    assert told.fields.keys() == {"type"}.union(*(names(body) for body in get_args(Body)))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("LineStatus", {status.value for status in LineStatus}),
        ("CommandStatus", {status.value for status in Status}),
        ("OrderStatus", {"placed", "cancelled"}),
        ("Scope", {scope.name for scope in Scope}),
    ],
)
def test_an_enumeration_has_all_its_values(served: GraphQLSchema, kind: str, values: set[str]) -> None:
    told = served.type_map[kind]
    assert isinstance(told, GraphQLEnumType)
    assert told.values.keys() == values


def test_lists_take_the_arguments_of_the_connections_specification(served: GraphQLSchema) -> None:
    assert served.query_type is not None
    for name, more in {"orders": {"customerId"}, "stocks": set[str]()}.items():
        assert served.query_type.fields[name].args.keys() == names(Arguments) | more


def examples(document: str) -> list[str]:
    """Blocks of GraphQL."""
    found: list[str] = re.findall(r"```graphql\n(.*?)```", (DOCS / document).read_text(), re.DOTALL)
    return found


def test_the_contract_has_the_root_types_word_for_word(served: GraphQLSchema) -> None:
    [block] = examples("contract.md")
    for kind in parse(block).definitions:
        assert isinstance(kind, ObjectTypeDefinitionNode)
        told = served.type_map[kind.name.value].ast_node
        assert isinstance(told, ObjectTypeDefinitionNode)
        assert [*map(_bare, kind.fields or ())] == [*map(_bare, told.fields or ())]


def _bare(field: FieldDefinitionNode) -> str:
    """Without what is said beside it."""
    given = ", ".join(f"{argument.name.value}: {print_ast(argument.type)}" for argument in field.arguments or ())
    return f"{field.name.value}({given}): {print_ast(field.type)}"


def test_the_examples_of_the_documentation_are_within_the_limits(served: GraphQLSchema) -> None:
    examples = re.findall(
        r"```graphql\n(.*?)```", (Path(__file__).parents[3] / "docs/graphql.md").read_text(), re.DOTALL
    )
    assert len(examples) >= 3
    execution = Execution(served, Limits(), introspection=True)
    for example in examples:
        variables = {"input": {"lines": [{"sku": "S", "qty": 1}]}} if "$input" in example else {}
        assert isinstance(execution.prepare(Asked(example, variables, None)), Ready)
