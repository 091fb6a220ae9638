"""Who may see and do what: as for REST, from the one policy."""

import pytest
from graphql import GraphQLObjectType

from python_app_template.adapters.primary.graphql.schema import FIELDS, SCHEMA, TYPES, UnguardedError, build
from python_app_template.core.access.policy import Policy, Rule
from python_app_template.core.access.rules import POLICY, READ_STOCK, Scope
from tests.shop import bought, placed
from tests.unit.graphql.desk import Desk, codes

WRAPPINGS = {"WritePayload", "OrderConnection", "OrderEdge", "StockConnection", "StockEdge", "PageInfo"}
"""They hold nothing but what is guarded itself, and the ids that the client sent."""
PARTS = {"Line", "Batch", "Cause"}
"""Parts of what is guarded, that stand nowhere else."""
ROOTS = {"Query", "Mutation", "Subscription"}


def test_every_field_and_type_has_a_policy() -> None:
    kinds = {
        name: kind
        for name, kind in build(POLICY).type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
    }
    assert {f"{root}.{field}" for root in ROOTS for field in kinds[root].fields} == FIELDS.keys()
    assert kinds.keys() == TYPES.keys() | WRAPPINGS | PARTS | ROOTS


def test_a_policy_that_says_something_else_than_the_schema_is_not_served() -> None:
    with pytest.raises(UnguardedError, match="stock"):
        build(Policy({**POLICY.rules, READ_STOCK: Rule(frozenset({Scope.ORDERS_READ}))}))
    with pytest.raises(UnguardedError, match="stock"):
        build(Policy({action: rule for action, rule in POLICY.rules.items() if action != READ_STOCK}))


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("stock(sku: ID!): Stock @auth(requires: [STOCK_READ])", "stock(sku: ID!): Stock"),
        ("placeOrder(input", "another: Int placeOrder(input"),
        ("type Stock @auth(requires: [STOCK_READ])", "type Stock"),
    ],
)
def test_a_field_without_a_policy_is_not_served(said: str, instead: str) -> None:
    assert said in SCHEMA
    with pytest.raises(UnguardedError):
        build(POLICY, SCHEMA.replace(said, instead))


async def test_without_a_token_the_request_is_refused_whatever_it_asks(desk: Desk) -> None:
    desk.tokens.revoked = True
    for query in ['{ stock(sku: "S") { sku } }', "{ __typename }", "{ nonsense"]:
        for token in (None, "somebody orders:read"):
            answer = await desk.post({"query": query}, token)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["code"] == "unauthenticated"


async def test_a_field_that_is_refused_is_null_and_the_others_are_answered(desk: Desk) -> None:
    await desk.send(bought("b", "S"), placed("o", ("S", 1)))
    body = await desk.ask('{ stock(sku: "S") { sku } order(orderId: "o") { orderId } }', "ann stock:read")
    assert body["data"] == {"stock": {"sku": "S"}, "order": None}
    assert [(error["path"], error["extensions"]["code"]) for error in body["errors"]] == [(["order"], "FORBIDDEN")]
    assert not desk.shop.orders.asked


@pytest.mark.parametrize(
    "query",
    [
        "{ orders { edges { cursor } } }",
        '{ order(orderId: "o") { orderId } }',
        'mutation { placeOrder(input: {lines: [{sku: "S", qty: 1}]}) { orderId } }',
        'mutation { cancelOrder(orderId: "o") { orderId } }',
        'mutation { createBatch(input: {batchRef: "b", sku: "S", qty: 1}) { batchRef } }',
        'mutation { changeBatchQuantity(batchRef: "b", qty: 1) { batchRef } }',
        '{ stock(sku: "S") { sku } }',
        "{ stocks { edges { cursor } } }",
    ],
)
async def test_without_the_scope_nothing_is_asked_and_nothing_sent(desk: Desk, query: str) -> None:
    assert await desk.codes(query, "ann openid") == ["FORBIDDEN"]
    assert (desk.shop.orders.asked, desk.shop.stock.asked, desk.sent.messages) == (0, 0, [])


OWN = "ann orders:read:own,orders:write:own"


async def test_with_an_own_scope_one_sees_ones_own_and_nothing_tells_of_the_rest(desk: Desk) -> None:
    await desk.send(
        *(placed(f"o-{name}", ("S", 1), customer_id=name) for name in ("ann", "bob")), placed("o", ("S", 1))
    )
    mine, bobs, nobodys, none = "o-ann", "o-bob", "o", "never"
    query = "query ($id: ID!) { order(orderId: $id) { orderId } }"
    assert (await desk.data(query, OWN, id=mine))["order"] == {"orderId": mine}
    answers = [await desk.ask(query, OWN, id=order_id) for order_id in (bobs, nobodys, none)]
    assert answers == [{"data": {"order": None}}] * 3
    listing = "query ($c: String) { orders(customerId: $c) { edges { node { orderId } } pageInfo { hasNextPage } } }"
    shown = {"edges": [{"node": {"orderId": mine}}], "pageInfo": {"hasNextPage": False}}
    assert (await desk.data(listing, OWN))["orders"] == shown
    assert (await desk.data(listing, OWN, c="ann"))["orders"] == shown
    assert await desk.codes(listing, OWN, c="bob") == ["FORBIDDEN"]


PLACE = """
    mutation ($customer: String) {
        placeOrder(input: {orderId: "new", lines: [{sku: "S", qty: 1}], customerId: $customer}, wait: 1) {
            command { commandId status } order { customerId }
        }
    }
"""


async def test_with_an_own_scope_one_is_the_customer_oneself(desk: Desk) -> None:
    assert await desk.codes(PLACE, OWN, customer="bob") == ["FORBIDDEN"]
    assert desk.sent.messages == []
    placed_ = (await desk.data(PLACE, OWN))["placeOrder"]
    assert (placed_["command"]["status"], placed_["order"]) == ("applied", {"customerId": "ann"})


async def test_what_is_somebody_elses_can_not_be_cancelled_and_nothing_is_sent(desk: Desk) -> None:
    await desk.send(placed("o-bob", ("S", 1), customer_id="bob"))
    query = "mutation ($id: ID!) { cancelOrder(orderId: $id) { command { status } } }"
    assert await desk.codes(query, OWN, id="o-bob") == ["NOT_FOUND"]
    assert await desk.codes(query, OWN, id="not known yet") == ["NOT_FOUND"]
    assert desk.sent.messages == []


async def test_a_subject_that_can_be_no_customer_owns_nothing(desk: Desk) -> None:
    nobody = f"{'x' * 65} orders:read:own,orders:write:own"
    assert await desk.codes("{ orders { edges { cursor } } }", nobody) == ["FORBIDDEN"]
    assert await desk.codes(PLACE, nobody) == ["FORBIDDEN"]
    assert desk.sent.messages == []


async def test_a_command_is_seen_by_who_sent_it_and_with_the_full_scope_of_its_kind(desk: Desk) -> None:
    command_id = (await desk.data(PLACE, OWN))["placeOrder"]["command"]["commandId"]
    query = "query ($id: ID!) { command(commandId: $id) { status } }"
    for token in (OWN, "ann openid", "eve orders:read", "eve orders:write"):
        assert (await desk.data(query, token, id=command_id))["command"] == {"status": "applied"}
    for token in ("eve orders:read:own,orders:write:own", "eve stock:read,stock:write", "eve openid"):
        assert await desk.data(query, token, id=command_id) == {"command": None}
    forged = command_id[:-1] + ("A" if command_id[-1] != "A" else "B")
    assert await desk.data(query, OWN, id=forged) == {"command": None}


async def test_who_may_write_and_not_read_is_not_shown_what_came_of_it(desk: Desk) -> None:
    body = await desk.ask(PLACE, "ann orders:write")
    assert body["data"]["placeOrder"]["order"] is None
    assert body["data"]["placeOrder"]["command"]["status"] == "applied"
    assert codes(body) == ["FORBIDDEN"]


async def test_what_a_write_shows_is_guarded_by_its_type(desk: Desk) -> None:
    query = 'mutation { createBatch(input: {batchRef: "b", sku: "S", qty: 1}, wait: 1) { batchRef stock { sku } } }'
    body = await desk.ask(query, "ann stock:write")
    assert body["data"] == {"createBatch": {"batchRef": "b", "stock": None}}
    assert codes(body) == ["FORBIDDEN"]


async def test_who_may_write_for_all_and_read_their_own_is_not_shown_anothers_order(desk: Desk) -> None:
    body = await desk.data(PLACE, "ann orders:write,orders:read:own", customer="bob")
    assert body["placeOrder"]["order"] is None


async def test_writes_of_one_request_are_counted_one_by_one(desk: Desk) -> None:
    desk.throttle.left = 3
    many = "".join(f'a{n}: cancelOrder(orderId: "{n}") {{ orderId }} ' for n in range(5))
    body = await desk.ask(f"mutation {{ {many} }}")
    assert "RATE_LIMITED" in codes(body)
    assert len(desk.sent.messages) == 3
