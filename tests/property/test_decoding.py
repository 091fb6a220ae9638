"""Decoding against the contract written again, on bytes that are nearly right."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from python_app_template.adapters.wire.messages import decode, decode_carefully
from python_app_template.core.delivery.messages import Partition, Record, Refused
from tests.property.model import DEPTH, DeadLetterError, check, known_type, parse

# Pieces of JSON text, right and wrong, that fields are made of.
strings = st.sampled_from(
    [
        '"a"',
        '""',
        '"\\u0041"',
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"\\ude00\\ud83d"',
        '"\\\\ud800"',
        '"\\n"',
        '"\\u0085"',
        '"\x7f"',
        '"\x85"',
        '"\t"',
        '"é"',
        '"\xa0"',
        '"type"',
        '"\\"type\\""',
        '"\\/"',
        '"\\x41"',
        '"{[{["',
        json.dumps("x" * 64),
        json.dumps("x" * 65),
        json.dumps("\U0001f4e6" * 64),
        json.dumps("\U0001f4e6" * 64, ensure_ascii=False),
        json.dumps("\U0001f4e6" * 65, ensure_ascii=False),
    ]
)
numbers = st.sampled_from(
    [
        *("0", "1", "-0", "-1", "2.0", "1e2", "1E2", "01", "+1", ".5", "1.", "1e999", "-1e999", "NaN", "-Infinity"),
        *("1000000", "1000001", "1000000000", "1000000001", "9" * 30, "9" * 5000, "-" + "9" * 5000),
    ]
)
instants = st.sampled_from(
    [
        f'"{day}{t}{time}{offset}"'
        for day, t, time, offset in product(
            ["2026-11-20", "2016-12-31", "0001-01-01", "9999-12-31", "2026-02-29", "0000-01-01"],
            ["T", "t", " "],
            ["20:00:00", "23:59:60", "23:59:60.25", "24:00:00", "00:00:00.1234567", "00:00:00.", "00:00"],
            ["Z", "z", "+00:00", "-00:00", "+01:00", "-23:59", "+24:00", "+0100", ""],
        )
    ]
)
dates = st.sampled_from(['"2026-11-20"', '"2026-02-29"', '"20261120"', '"2026-W01-1"', '"0000-01-01"', '"0001-01-01"'])
words = st.sampled_from(["null", "true", "false", "nul", "[]", "{}", "[[[]]]", "[1,]", "{1:2}"])
deep = st.integers(DEPTH - 3, DEPTH + 1).map(lambda n: "[" * n + "]" * n)
anything = st.one_of(strings, numbers, words, instants, dates, deep)
keys = st.sampled_from(["type", "order_id", "lines", "sku", "qty", "batch_ref", "eta", "customer_id", "placed_at", "x"])


def escaped(key: str) -> str:
    return json.dumps(key).replace("t", "\\u0074")


def written(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"


def mostly(right: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(right, right, right, right, right, right, right, anything)


def body(name: str, **fields: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[str, str]]]:
    pairs = [st.tuples(st.just(json.dumps(key)), mostly(value)) for key, value in fields.items()]
    return st.tuples(st.just(('"type"', json.dumps(name))), *pairs).map(list)


ids, line_qty = st.sampled_from(['"a"', '"é"', '"o-1"']), st.sampled_from(["1", "1000000"])
line = st.tuples(mostly(ids), mostly(line_qty)).map(lambda x: written([('"sku"', x[0]), ('"qty"', x[1])]))
lines = st.lists(line, min_size=1, max_size=3).map(lambda x: f"[{','.join(x)}]")
right_instants = st.sampled_from(['"2026-11-20T20:00:00Z"', '"2026-11-20t20:00:00.1234567+01:00"', "null"])
bodies = st.one_of(
    body("order.placed", order_id=ids, lines=lines, customer_id=ids, placed_at=st.one_of(right_instants, instants)),
    body("order.cancelled", order_id=ids),
    body("batch.created", batch_ref=ids, sku=ids, qty=st.sampled_from(["0", "7"]), eta=st.one_of(dates, words)),
    body("batch.quantity_changed", batch_ref=ids, qty=st.sampled_from(["0", "1000000000"])),
    body("order.lost", order_id=ids),
)


@st.composite
def nearly_messages(draw: st.DrawFn) -> bytes:
    """Draw a message: its fields in any order, now and then some more, twice, escaped, or cut off."""
    pairs = draw(bodies)
    spelt: list[Callable[[str], str]] = [json.dumps, json.dumps, escaped]
    for key, value in draw(st.lists(st.tuples(keys, anything), max_size=2)):
        pairs.append((draw(st.sampled_from(spelt))(key), value))
    text = written(draw(st.permutations(pairs)))
    wrapped = draw(st.sampled_from(["{}"] * 12 + [" {}\r\n\t", "\ufeff{}", "{}x", "{}\0", "[{}]", "{}{}"]))
    value = wrapped.replace("{}", text).encode()
    spoilt = draw(st.sampled_from([b""] * 10 + [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\x80"]))
    place = draw(st.integers(0, len(value)))
    return value[:place] + spoilt + value[place:]


def judged(value: bytes) -> tuple[str, str | None]:
    name = "other"
    try:
        parsed: Any = parse(value)
        name = known_type(parsed)
        check(parsed)
    except DeadLetterError as error:
        return name, str(error)
    return name, None


@settings(max_examples=2500, deadline=None)
@given(nearly_messages())
@example(b"")
@example(b"[" * 100_000)
@example(b'{"type":"order.cancelled","order_id":"a","x":{"type":1}}')
@example(b'{"type":"order.cancelled","type":"batch.created","order_id":"a"}')
@example(b'{"type":"batch.created","type":"order.cancelled","order_id":"a"}')
@example(b'{"order_id":1,"type":"order.cancelled","order_id":"a"}')
@example(b'{"type":"order.cancelled","order_id":"a","x":"\xff"}')
@example(b'{"type":"order.cancelled","order_id":"a","x":"\xc2\x85"}')
@example(b'{"type":"order.cancelled","order_id":"a","x":"\\ud800","x":1}')
def test_a_message_is_judged_as_the_contract_says(value: bytes) -> None:
    record = Record(Partition("raw-push", 0), 0, 0, None, value)
    message = decode(record)
    reason = message.content.reason if isinstance(message.content, Refused) else None
    assert (message.type, reason) == judged(value)
    assert message == decode_carefully(record, value)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_no_bytes_at_all_raise(value: bytes) -> None:
    message = decode(Record(Partition("raw-push", 0), 0, 0, None, value))
    assert isinstance(message.content, Refused)
    assert len(message.content.detail.encode()) <= 1024
    assert message.content.detail.isprintable()
