import sys
import unicodedata

import pytest

from python_app_template.core.access import rules
from python_app_template.core.access.policy import Action, Allowed, AllowedOwn, Decision, Denied
from python_app_template.core.access.rules import ALL_SCOPES, POLICY, Scope, is_customer_id
from python_app_template.core.access.subject import Subject

ACTIONS = [value for value in vars(rules).values() if isinstance(value, Action)]
OWN = AllowedOwn("ann")


def decided(action: Action, *scopes: str, name: str | None = "ann") -> Decision:
    return POLICY.decide(Subject(name, frozenset(scopes)), action)


def test_every_action_has_a_rule() -> None:
    assert len(ACTIONS) > 10
    assert set(ACTIONS) == set(POLICY.rules)


@pytest.mark.parametrize(
    ("scope", "whole", "own"),
    [
        (Scope.ORDERS_READ, {rules.READ_ORDER, rules.LIST_ORDERS, rules.SUBSCRIBE, rules.READ_ORDERS_COMMAND}, set()),
        (Scope.ORDERS_WRITE, {rules.PLACE_ORDER, rules.CANCEL_ORDER, rules.READ_ORDERS_COMMAND}, set()),
        (Scope.ORDERS_READ_OWN, set(), {rules.READ_ORDER, rules.LIST_ORDERS}),
        (Scope.ORDERS_WRITE_OWN, set(), {rules.PLACE_ORDER, rules.CANCEL_ORDER}),
        (Scope.STOCK_READ, {rules.READ_STOCK, rules.LIST_STOCK, rules.READ_STOCK_COMMAND}, set()),
        (Scope.STOCK_WRITE, {rules.CREATE_BATCH, rules.CHANGE_BATCH, rules.READ_STOCK_COMMAND}, set()),
    ],
)
def test_a_scope_gives_what_the_contract_says_and_no_more(scope: Scope, whole: set[Action], own: set[Action]) -> None:
    sent = {rules.READ_ORDERS_COMMAND, rules.READ_STOCK_COMMAND}
    nothing_more = {action for action in ACTIONS if isinstance(decided(action), Allowed)}
    allowed = {action for action in ACTIONS if decided(action, scope) == Allowed()}
    assert allowed - nothing_more == whole
    assert {action for action in ACTIONS if decided(action, scope) == OWN} == own | (sent - whole)


def test_public_is_what_the_contract_calls_so() -> None:
    public = {rules.SEE_HEALTH, rules.SEE_METRICS, rules.SEE_DOCS, rules.SEE_OPENAPI}
    assert {action for action in ACTIONS if POLICY.is_public(action)} == public


def test_without_authentication_everybody_may_do_everything() -> None:
    everybody = Subject(None, ALL_SCOPES)
    assert {POLICY.decide(everybody, action) for action in ACTIONS} == {Allowed()}


@pytest.mark.parametrize("name", ["", "a" * 65, "a\nb", "a\x00", "\x85", "a\x7f"])
def test_a_subject_that_can_not_be_a_customer_has_no_own(name: str) -> None:
    for action in (rules.PLACE_ORDER, rules.LIST_ORDERS):
        denied = decided(action, Scope.ORDERS_WRITE_OWN, Scope.ORDERS_READ_OWN, name=name)
        assert isinstance(denied, Denied)
        assert not denied.needs_token
        assert "customer_id" in denied.why


@pytest.mark.parametrize("name", ["a", "a" * 64, "é💡", "a b/c%", "auth0|5f7c8ec7c33c6c004bbafe82"])
def test_a_subject_that_can_be_a_customer_owns(name: str) -> None:
    assert decided(rules.PLACE_ORDER, Scope.ORDERS_WRITE_OWN, name=name) == AllowedOwn(name)


def test_control_characters_are_those_of_unicode() -> None:
    signs = map(chr, range(sys.maxunicode + 1))
    assert [sign for sign in signs if is_customer_id(sign) == (unicodedata.category(sign) == "Cc")] == []


def test_whoever_sent_a_command_sees_it_whatever_their_name() -> None:
    name = "x" * 1000
    for action in rules.COMMANDS.values():
        assert decided(action, name=name) == AllowedOwn(name)
