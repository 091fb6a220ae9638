"""What one request may ask for, judged with its variables before anything is executed: depth, cost, operations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableValues,
    get_argument_values,
    get_directive_values,
    get_named_type,
    get_variable_values,
)

from python_app_template.adapters.primary.graphql.connections import LONGEST_PAGE
from python_app_template.adapters.primary.graphql.errors import (
    BAD_INPUT,
    INTROSPECTION_OFF,
    TOO_COSTLY,
    TOO_DEEP,
    TOO_MANY_OPERATIONS,
    Refusal,
    with_code,
)

INTROSPECTION: Final = frozenset({"__schema", "__type"})
"""They have bounds of their own: GraphiQL's question goes deep into a schema that is small, and needs no query."""
INTROSPECTION_DEPTH: Final = 20
INTROSPECTION_COST: Final = 50_000
INTROSPECTED: Final = {
    "types": 40,
    "fields": 5,
    "args": 2,
    "inputFields": 4,
    "enumValues": 4,
    "interfaces": 1,
    "possibleTypes": 1,
    "directives": 10,
}
"""How long these lists are taken to be."""

WRONG_VALUES: Final = 10
"""So many are told of at most."""


class Limits(NamedTuple):
    """The bounds of one request."""

    depth: int = 10
    """Fields in one another."""
    tokens: int = 1000
    """Words and signs of a document."""
    cost: int = 5000
    """Fields that the answer may hold, each counted as often as lists can repeat it."""


class Length(NamedTuple):
    """What the schema's `@listSize` says of a field."""

    assumed: int
    arguments: Sequence[str]
    fields: Sequence[str]


Lengths = Mapping[tuple[str, str], Length]
"""By type and field."""


class Measure(NamedTuple):
    """A selection: how deep it goes, and what it costs."""

    depth: int = 0
    cost: int = 0


def lengths(schema: GraphQLSchema) -> Lengths:
    """Read the schema's directives."""
    return {
        (parent.name, name): Length(said["assumedSize"], said.get("slicingArguments", ()), said.get("sizedFields", ()))
        for parent in schema.type_map.values()
        if isinstance(parent, GraphQLObjectType)
        for name, definition in parent.fields.items()
        if (said := _list_size(schema, definition))
    }


def judge(
    schema: GraphQLSchema,
    lists: Lengths,
    limits: Limits,
    document: DocumentNode,
    variables: Mapping[str, Any],
    *,
    introspection: bool = True,
) -> Sequence[GraphQLError]:
    """Return what is too much, or wrong with the variables. The document has passed the specification's rules."""
    if len(found := operations(document)) != 1:
        return [Refusal(TOO_MANY_OPERATIONS, f"{len(found)} operations in one request; allowed: 1")]
    [operation] = found
    values = get_variable_values(schema, operation.variable_definitions or (), dict(variables), max_errors=WRONG_VALUES)
    if not isinstance(values, VariableValues):
        return with_code(values, BAD_INPUT)
    root = schema.get_root_type(operation.operation)
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    measuring = Measuring(schema, lists, fragments, values)
    try:
        asked = measuring.selection(operation.selection_set, root, {}) if root else Measure()
    except GraphQLError as error:  # an argument that no variable's type refuses, such as null
        return with_code([error], BAD_INPUT)
    if measuring.introspection.cost and not introspection:
        return [Refusal(INTROSPECTION_OFF, "the schema is not shown here; its document is part of the service's")]
    own = Limits(depth=INTROSPECTION_DEPTH, cost=INTROSPECTION_COST)
    return [*_beyond(asked, limits), *_beyond(measuring.introspection, own)]


def operations(document: DocumentNode) -> Sequence[OperationDefinitionNode]:
    """Return the document's operations."""
    return [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]


def _beyond(asked: Measure, limits: Limits) -> Iterator[GraphQLError]:
    if asked.depth > limits.depth:
        yield Refusal(TOO_DEEP, f"{asked.depth} fields in one another; allowed: {limits.depth}")
    if asked.cost > limits.cost:
        yield Refusal(TOO_COSTLY, f"the answer may hold {asked.cost} fields; allowed: {limits.cost}")


@dataclass
class Measuring:
    """Measures one request. What `@skip` and `@include` say does not matter: a field that is named is counted."""

    schema: GraphQLSchema
    lists: Lengths
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    introspection: Measure = field(default=Measure(0, 0))
    known: dict[tuple[str, frozenset[tuple[str, int]]], Measure] = field(default_factory=dict)
    """Fragments; each is walked through once, however often it is spread."""

    def selection(self, node: SelectionSetNode, parent: GraphQLObjectType, sized: Mapping[str, int]) -> Measure:
        """Measure what is selected of a type; `sized`: those fields of it whose length an argument above said."""
        depth = cost = 0
        for selected in node.selections:
            match selected:
                case FieldNode():
                    found = self.one(selected, parent, sized.get(selected.name.value, 1))
                case InlineFragmentNode():
                    found = self.selection(selected.selection_set, parent, sized)
                case FragmentSpreadNode():
                    found = self.fragment(selected.name.value, parent, sized)
                case _:  # the specification has no other
                    continue
            depth, cost = max(depth, found.depth), cost + found.cost
        return Measure(depth, cost)

    def fragment(self, name: str, parent: GraphQLObjectType, sized: Mapping[str, int]) -> Measure:
        """Measure a fragment where it is spread. There are no cycles: the specification's rules refuse them."""
        key = name, frozenset(sized.items())
        if key not in self.known:
            self.known[key] = self.selection(self.fragments[name].selection_set, parent, sized)
        return self.known[key]

    def one(self, node: FieldNode, parent: GraphQLObjectType, length: int) -> Measure:
        """Measure a field with all below it."""
        name = node.name.value
        definition = self.schema.get_field(parent, name)
        below = get_named_type(definition.type) if definition else None
        if definition is None or node.selection_set is None or not isinstance(below, GraphQLObjectType):
            return Measure(1, 1)
        sized: Mapping[str, int] = {}
        if said := self.lists.get((parent.name, name)):
            size = self.length(said, definition, node)
            sized, length = (dict.fromkeys(said.fields, size), 1) if said.fields else ({}, size)
        elif parent.name.startswith("__"):
            length = INTROSPECTED.get(name, 1)
        inside = self.selection(node.selection_set, below, sized)
        if name in INTROSPECTION:
            seen = self.introspection
            self.introspection = Measure(max(seen.depth, inside.depth + 1), seen.cost + inside.cost + 1)
            return Measure(1, 1)
        return Measure(inside.depth + 1, 1 + length * inside.cost)

    def length(self, said: Length, definition: GraphQLField, node: FieldNode) -> int:
        """Return how long a list can be; no page is longer than the longest. Raises GraphQLError."""
        given = get_argument_values(definition, node, self.variables) if said.arguments else {}
        asked = [given[name] for name in said.arguments if given.get(name) is not None]
        return min(max(asked, default=said.assumed), LONGEST_PAGE) if said.arguments else said.assumed


def _list_size(schema: GraphQLSchema, definition: GraphQLField) -> Mapping[str, Any] | None:
    directive = schema.get_directive("listSize")
    return get_directive_values(directive, definition.ast_node) if directive and definition.ast_node else None
