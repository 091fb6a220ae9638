"""Whatever can be asked for by GraphQL is named by the policy, or the schema is not served."""

import pytest

from python_app_template.adapters.primary.graphql.schema import FIELDS, TYPES, UnguardedError, build
from python_app_template.adapters.primary.web.guard import ACTIONS
from python_app_template.core.access import rules
from python_app_template.core.access.policy import Action, Policy
from python_app_template.core.access.rules import POLICY
from tests.unit.access.test_every_route_is_named import routes


def test_every_field_and_subscription_is_named() -> None:
    schema = build(POLICY)
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    named = {f"{root.name}.{field}" for root in roots if root for field in root.fields}
    assert named == set(FIELDS)
    assert len(named) == 10


@pytest.mark.parametrize("action", sorted({*FIELDS.values(), *TYPES.values()}))
def test_a_field_that_the_policy_does_not_name_keeps_the_schema_from_being_served(action: Action) -> None:
    without = {named: rule for named, rule in POLICY.rules.items() if named != action}
    with pytest.raises(UnguardedError, match="the policy does not name it"):
        build(Policy(without))


def test_a_field_whose_scopes_are_not_the_policys_keeps_the_schema_from_being_served() -> None:
    other = {**POLICY.rules, rules.READ_STOCK: POLICY.rules[rules.READ_ORDER]}
    with pytest.raises(UnguardedError, match="@auth is not what the policy says"):
        build(Policy(other))


def test_every_action_is_asked_for_somewhere() -> None:
    by_rest = {action for route in routes() for action in route.opt[ACTIONS]}
    asked_elsewhere = {rules.SEE_HEALTH, rules.SEE_METRICS}
    assert set(POLICY.rules) == by_rest | set(FIELDS.values()) | asked_elsewhere
