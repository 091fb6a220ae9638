"""The executable schema: the document, what resolves its fields, and the policy in front of them. YOURS."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Final

import msgspec
from ariadne import ScalarType, make_executable_schema
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    default_field_resolver,
    get_directive_values,
    get_named_type,
)

from python_app_template.adapters.primary.graphql.context import context
from python_app_template.adapters.primary.graphql.mutations import mutation, payload
from python_app_template.adapters.primary.graphql.queries import query
from python_app_template.adapters.primary.graphql.subscription import event, subscription
from python_app_template.core.access import rules
from python_app_template.core.access.policy import Action, Policy

BINDABLES: Final = (query, mutation, payload, subscription, event)

Resolver = Callable[..., Any]

SCHEMA: Final = files(__package__).joinpath("schema.graphql").read_text()

FIELDS: Final[Mapping[str, Action]] = {
    "Query.order": rules.READ_ORDER,
    "Query.orders": rules.LIST_ORDERS,
    "Query.stock": rules.READ_STOCK,
    "Query.stocks": rules.LIST_STOCK,
    "Query.command": rules.ASK_GRAPHQL,  # of which kind it is, its id tells; then that kind's rule is asked
    "Mutation.placeOrder": rules.PLACE_ORDER,
    "Mutation.cancelOrder": rules.CANCEL_ORDER,
    "Mutation.createBatch": rules.CREATE_BATCH,
    "Mutation.changeBatchQuantity": rules.CHANGE_BATCH,
    "Subscription.events": rules.SUBSCRIBE,
}
"""What it is that a root field does."""

TYPES: Final[Mapping[str, Action]] = {
    "Order": rules.READ_ORDER,
    "Stock": rules.READ_STOCK,
    "Command": rules.ASK_GRAPHQL,
    "Event": rules.SUBSCRIBE,
}
"""What it is to see one, wherever it stands."""


class UnguardedError(Exception):
    """The schema's `@auth` and the policy do not say the same; nothing is served."""


def build(policy: Policy, document: str = SCHEMA) -> GraphQLSchema:
    """Return the schema with the policy in front of its fields. Raises UnguardedError."""
    schema = make_executable_schema(document, *BINDABLES, *SCALARS, convert_names_case=True)
    roots = {kind.name for kind in (schema.query_type, schema.mutation_type, schema.subscription_type) if kind}
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                if kind.name in roots:
                    _guard_root(_agreed(schema, policy, f"{kind.name}.{name}", field.ast_node, FIELDS), field)
                else:
                    _guard_shown(schema, policy, field)
    return schema


def _guard_root(action: Action, field: GraphQLField) -> None:
    """Put the policy in front of what a field does; its resolver is told what is granted."""
    if field.subscribe is not None:
        field.subscribe = _told(field.subscribe, action)
    elif field.resolve is not None:
        field.resolve = _told(field.resolve, action)


def _guard_shown(schema: GraphQLSchema, policy: Policy, field: GraphQLField) -> None:
    """Put the policy in front of a field whose type is guarded, wherever it stands."""
    shown = get_named_type(field.type)
    if isinstance(shown, GraphQLObjectType) and (shown.name in TYPES or _required(schema, shown.ast_node) is not None):
        action = _agreed(schema, policy, shown.name, shown.ast_node, TYPES)
        field.resolve = _asking(field.resolve or default_field_resolver, action)


def _told(resolve: Resolver, action: Action) -> Resolver:
    def resolved(above: object, info: Any, **arguments: object) -> Any:
        return resolve(above, info, context(info).grant(action), **arguments)

    return resolved


def _asking(resolve: Resolver, action: Action) -> Resolver:
    def resolved(above: object, info: Any, **arguments: object) -> Any:
        context(info).grant(action)
        return resolve(above, info, **arguments)

    return resolved


def _agreed(schema: GraphQLSchema, policy: Policy, where: str, node: Any, actions: Mapping[str, Action]) -> Action:
    """Return what has to be asked for; the document has to say of it what the policy says."""
    required, action = _required(schema, node), actions.get(where)
    if action is None or action not in policy.rules:
        raise UnguardedError(f"{where}: the policy does not name it")
    if required is None or required != policy.rules[action].scopes:
        raise UnguardedError(f"{where}: @auth is not what the policy says: {sorted(policy.rules[action].scopes)}")
    return action


def _required(schema: GraphQLSchema, node: Any) -> frozenset[str] | None:
    """Return the scopes of a definition's `@auth`; None: it has none."""
    said = get_directive_values(directive, node) if (directive := schema.get_directive("auth")) else None
    return None if said is None else frozenset(rules.Scope[name] for name in said["requires"])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError("a text is expected")
    return value  # the messages' own rules judge it


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise GraphQLError("a whole number is expected")
    return value


SCALARS: Final = (
    ScalarType("Date", serializer=msgspec.to_builtins, value_parser=_text),
    ScalarType("DateTime", serializer=msgspec.to_builtins, value_parser=_text),
    ScalarType("Long", serializer=_whole, value_parser=_whole),
)
