"""A body that is read in one go says what careful reading says."""

import itertools

import pytest
from msgspec import Struct

from python_app_template.adapters.primary.web.bodies import Judge
from python_app_template.adapters.primary.web.problems import Problem
from python_app_template.adapters.primary.writes import JUDGE, ChangeBatch, CreateBatch, PlaceOrder
from python_app_template.adapters.wire.strict_json import control_character, parse

CAREFUL = Judge(parse, control_character, lambda _: False)

LINE = '{"sku":"A","qty":1}'
ORDERS = ['"order_id":"o"', f'"lines":[{LINE}]', '"customer_id":"c"', '"placed_at":"2026-11-21T10:00:00Z"']
BATCH = ['"batch_ref":"b"', '"sku":"A"', '"qty":3', '"eta":"2026-11-21"']
VALUES = [
    *("1", "-0", "4.0", "1e2", "1e999", "NaN", "01", "1000001", "9" * 30, "null", "true", "[]", "{}", "[" * 129),
    *('"a"', '""', '"\\u0041"', '"\\ud800"', '"\\\\"', '"\t"', '"\x7f"', '"\x85"', '"é"', '"2026-13-01"', '"1"'),
    *(f'"{"x" * length}"' for length in (64, 65)),
    *('[{"sku":1,"sku":"A","qty":2}]', '[{"sku":"A","qty":1,"x":2}]', '[{"sku":"A","qty":1.0}]'),
]


def said(judge: Judge, body: bytes, struct: type[Struct]) -> object:
    try:
        return judge.fit(judge.read(body, struct), struct)
    except Problem as problem:
        return problem.body()


def bodies(members: list[str]) -> list[bytes]:
    """The members as they are, each one left out, each one given another value, once for all and once besides."""
    names = [member.partition(":")[0] for member in members]
    lists = [members, [*members, '"x":1'], *(members[:n] + members[n + 1 :] for n in range(len(members)))]
    for n, value in itertools.product(range(len(members)), VALUES):
        other = f"{names[n]}:{value}"
        lists += [[*members[:n], other, *members[n + 1 :]], [other, *members], [*members, other]]
    texts = ["{" + ",".join(found) + "}" for found in lists]
    return [text.encode() for text in [*texts, "", "[]", "null", "\ufeff{}", f"{texts[0]}x", f" {texts[0]}\n"]]


@pytest.mark.parametrize(("struct", "members"), [(PlaceOrder, ORDERS), (CreateBatch, BATCH), (ChangeBatch, BATCH[2:3])])
def test_a_body_that_is_read_in_one_go_says_what_careful_reading_says(struct: type[Struct], members: list[str]) -> None:
    for body in [*bodies(members), b'{"qty":\xff}']:
        assert said(JUDGE, body, struct) == said(CAREFUL, body, struct), body


def test_what_fits_is_read_in_one_go() -> None:
    assert isinstance(JUDGE.read(b'{"qty":3}', ChangeBatch), ChangeBatch)
    assert JUDGE.read(b'{"qty":"\xc2\x85"}', ChangeBatch) == {"qty": "\x85"}
