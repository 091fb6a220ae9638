"""What one request may ask for; each way around a limit is tried."""

from typing import Any

import pytest

from python_app_template.adapters.primary.graphql.limits import Limits
from tests.shop import bought, placed
from tests.unit.graphql.desk import Desk, codes, opened

FULL_PAGE = """
    query ($first: Int) {
        orders(first: $first) {
            edges { cursor node { orderId customerId placedAt status lines { line sku qty status batchRef eta } } }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }
"""


async def test_the_largest_page_with_all_its_fields_is_within_the_limits(desk: Desk) -> None:
    assert (await desk.data(FULL_PAGE, first=100))["orders"]["edges"] == []


async def test_fields_in_one_another_are_counted() -> None:
    async with opened(Limits(depth=4)) as shallow:
        assert await shallow.codes("{ orders { edges { node { lines { sku } } } } }") == ["TOO_DEEP"]
        assert await shallow.data("{ order(orderId: 1) { orderId } }") == {"order": None}


@pytest.mark.parametrize(
    "hidden",
    [
        (
            "{ ...A } fragment A on Query { orders { ...B } } fragment B on OrderConnection { edges { ...C } }"
            " fragment C on OrderEdge { node { lines { sku } } }"
        ),
        "{ ... { orders { ... on OrderConnection { edges { ... @include(if: true) { node { lines { sku } } } } } } } }",
        "query ($no: Boolean = false) { orders { edges @include(if: $no) { node { lines { sku } } } } }",
    ],
    ids=["fragments", "inline fragments", "a directive that leaves it out"],
)
async def test_depth_is_the_same_however_it_is_written(hidden: str) -> None:
    async with opened(Limits(depth=4)) as shallow:
        assert await shallow.codes(hidden) == ["TOO_DEEP"]


COSTLY = [
    ("{ orders(first: 100) { edges { node { lines { sku } } } } }", {}),
    ("query ($n: Int) { orders(first: $n) { edges { node { lines { sku } } } } }", {"n": 100}),
    ("query ($n: Int) { orders(last: $n) { edges { node { lines { sku } } } } }", {"n": 100}),
    ("query ($n: Int = 100) { orders(first: $n) { edges { node { lines { sku } } } } }", {}),
    ("{ orders { edges { node { lines { sku qty } } } } }", {}),
    ("query ($n: Int) { orders(first: $n) { edges { node { lines { sku qty } } } } }", {}),
    ("query ($n: Int) { orders(first: $n) { edges { node { lines { sku qty } } } } }", {"n": None}),
    ("{ orders(first: 1000000) { edges { node { lines { sku } } } } }", {}),
    ("{ stocks(first: 100) { edges { node { batches { batchRef } } } } }", {}),
    ("{" + "".join(f"a{n}: orders(first: 9) {{ edges {{ node {{ lines {{ sku }} }} }} }}" for n in range(9)) + "}", {}),
    (
        (
            "{ orders(first: 99) { ...E ...F } } fragment E on OrderConnection { edges { node { ...L } } }"
            " fragment F on OrderConnection { ... { edges { node { ...L } } } } fragment L on Order { lines { sku } }"
        ),
        {},
    ),
    ("{ orders(first: 30) { edges { node { " + "".join(f"a{n}: orderId " for n in range(20)) + "} } } }", {}),
    ("query ($no: Boolean = false) { orders(first: 100) { edges { node { lines @include(if: $no) { sku } } } } }", {}),
]


@pytest.mark.parametrize(("query", "variables"), COSTLY)
async def test_what_a_list_can_repeat_is_counted_as_often(query: str, variables: dict[str, Any]) -> None:
    async with opened(Limits(cost=500)) as dear:
        assert await dear.codes(query, **variables) == ["TOO_COSTLY"]
        assert not dear.shop.orders.asked
        assert not dear.shop.stock.asked


async def test_fragments_that_spread_each_other_twice_are_refused_in_no_time(desk: Desk) -> None:
    bomb = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    query = f"{{ ...F0 }} {bomb} fragment F60 on Query {{ stock(sku: 1) {{ sku }} }}"
    assert await desk.codes(query) == ["TOO_COSTLY"]


async def test_fragments_in_a_circle_are_no_valid_document(desk: Desk) -> None:
    assert "GRAPHQL_VALIDATION_FAILED" in await desk.codes("{ ...A } fragment A on Query { ...A }")


async def test_a_document_of_too_many_words_is_not_even_read(desk: Desk) -> None:
    assert await desk.codes("{" + "a " * 1001 + "}") == ["TOO_MANY_TOKENS"]
    assert await desk.codes("{ a(x: " + "[" * 400 + "]" * 400 + ") }") == ["GRAPHQL_PARSE_FAILED"]
    assert await desk.codes("{ stock(sku: 1) " + "@x " * 1000 + "{ sku } }") == ["TOO_MANY_TOKENS"]
    assert await desk.codes("#\n" * 2000 + "{ stock(sku: 1) { sku } }") == ["GRAPHQL_PARSE_FAILED"]


async def test_a_directive_that_nobody_knows_or_that_stands_there_twice_is_refused(desk: Desk) -> None:
    assert await desk.codes("{ stock(sku: 1) @x { sku } }") == ["GRAPHQL_VALIDATION_FAILED"]
    twice = "{ stock(sku: 1) @skip(if: false) @skip(if: false) { sku } }"
    assert await desk.codes(twice) == ["GRAPHQL_VALIDATION_FAILED"]
    assert await desk.codes("{ orders @defer { edges { cursor } } }") == ["GRAPHQL_VALIDATION_FAILED"]


async def test_a_request_has_one_operation(desk: Desk) -> None:
    two = "query A { stock(sku: 1) { sku } } query B { stock(sku: 1) { sku } }"
    answer = await desk.post({"query": two, "operationName": "A"})
    assert codes(answer.json()) == ["TOO_MANY_OPERATIONS"]
    none = "fragment A on Query { stock(sku: 1) { sku } }"
    assert await desk.codes(none) == ["GRAPHQL_VALIDATION_FAILED"]


async def test_a_list_of_requests_is_no_request(desk: Desk) -> None:
    answer = await desk.post([{"query": "{ stock(sku: 1) { sku } }"}])
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_variables_are_judged_before_anything_is_asked(desk: Desk) -> None:
    query = "query ($id: ID!) { order(orderId: $id) { status } }"
    assert await desk.codes(query) == ["BAD_USER_INPUT"]
    assert await desk.codes(query, id=None) == ["BAD_USER_INPUT"]
    assert await desk.codes(query, id=[1]) == ["BAD_USER_INPUT"]
    assert await desk.codes("query ($n: Int) { orders(first: $n) { edges { cursor } } }", n=2**31) == ["BAD_USER_INPUT"]
    assert not desk.shop.orders.asked


GRAPHIQLS = """
    query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name }
        types { ...FullType } directives { name description locations args { ...InputValue } } } }
    fragment FullType on __Type { kind name description
        fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated
            deprecationReason }
        inputFields { ...InputValue } interfaces { ...TypeRef }
        enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
        possibleTypes { ...TypeRef } }
    fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name
        ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } }
"""


async def test_graphiqls_own_question_is_answered(desk: Desk) -> None:
    shown = await desk.data(GRAPHIQLS)
    assert "Order" in {kind["name"] for kind in shown["__schema"]["types"]}


@pytest.mark.parametrize(
    "bomb",
    [
        "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }",
        "{"
        + "".join(f"a{n}: __schema {{ types {{ fields {{ args {{ name type {{ name }} }} }} }} }} " for n in range(45))
        + "}",
        "{ ...A } fragment A on Query { __schema { types { "
        + "".join(f"f{n}: fields {{ args {{ name description }} }} " for n in range(60))
        + "} } }",
    ],
)
async def test_questions_about_the_schema_have_bounds_too(desk: Desk, bomb: str) -> None:
    assert set(await desk.codes(bomb)) & {"TOO_COSTLY", "GRAPHQL_VALIDATION_FAILED"}


async def test_the_schema_is_not_shown_where_it_is_not_to_be() -> None:
    async with opened(introspection=False) as desk:
        assert await desk.codes("{ __schema { queryType { name } } }") == ["INTROSPECTION_OFF"]
        assert await desk.codes('{ __type(name: "Order") { name } }') == ["INTROSPECTION_OFF"]
        assert await desk.codes("{ ...A } fragment A on Query { b: __schema { queryType { name } } }") == [
            "INTROSPECTION_OFF"
        ]
        assert await desk.data('{ __typename stock(sku: "S") { sku } }') == {"__typename": "Query", "stock": None}
        refused = await desk.ask('{ order(orderId: "o") { statu } }')
        assert "Did you mean" not in refused["errors"][0]["message"]


async def test_a_page_of_a_hundred_with_lines_and_batches_is_one_question(desk: Desk) -> None:
    await desk.send(bought("b", "S"), *(placed(f"o{n:03}", ("S", 1), ("T", 1)) for n in range(120)))
    shown = await desk.data(FULL_PAGE, first=100)
    assert len(shown["orders"]["edges"]) == 100
    assert all(len(edge["node"]["lines"]) == 2 for edge in shown["orders"]["edges"])
    assert desk.shop.orders.asked == 1
    await desk.data("{ stocks(first: 100) { edges { node { sku batches { batchRef available } } } } }")
    assert desk.shop.stock.asked == 1


async def test_whatever_is_asked_for_by_key_in_one_request_is_one_question(desk: Desk) -> None:
    await desk.send(bought("b", "S"), *(placed(f"o{n}", ("S", 1)) for n in range(50)))
    fields = "".join(f'o{n}: order(orderId: "o{n}") {{ orderId lines {{ sku }} }} ' for n in range(30))
    shown = await desk.data(f"{{ {fields} }}")
    assert [shown[f"o{n}"]["orderId"] for n in range(30)] == [f"o{n}" for n in range(30)]
    assert desk.shop.orders.asked == 1
    await desk.data("{" + "".join(f's{n}: stock(sku: "S{n}") {{ sku }} ' for n in range(30)) + "}")
    assert desk.shop.stock.asked == 1


async def test_the_same_key_is_looked_up_once(desk: Desk) -> None:
    await desk.send(placed("o", ("S", 1)))
    shown = await desk.data('{ a: order(orderId: "o") { orderId } b: order(orderId: "o") { status } }')
    assert shown == {"a": {"orderId": "o"}, "b": {"status": "placed"}}
    assert desk.shop.orders.asked == 1
