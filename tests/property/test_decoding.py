"""Decoding against the contract written again, on bytes that are nearly right."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from python_app_template.adapters.wire.messages import decode, decode_carefully
from python_app_template.audit.messages import DEPTH, DeadLetterError, check, known_type, parse
from python_app_template.core.delivery.messages import Partition, Record, Refused

# Pieces of JSON text, right and wrong, to be put where a value stands.
STRINGS = [
    *('"order.placed"', '"order.cancelled"', '"batch.quantity_changed"', '"order.\\u0070laced"'),
    *(
        '"a"',
        '""',
        '"type"',
        '"\\"type\\""',
        '"{[{["',
        '"\\n"',
        '"\\/"',
        '"\\x41"',
        '"\t"',
        '"\x7f"',
        '"\x85"',
        '"\xa0"',
        '"é"',
    ),
    *(
        f'"{text}"'
        for text in (
            "\\u0041",
            "\\u0000",
            "\\u007f",
            "\\u0085",
            "\\u00e9",
            "\\\\ud800",
            "\\ud83d\\ude00",
            "\\uD83D\\uDE00",
        )
    ),
    *(
        f'"{text}"'
        for text in (
            "\\ud800",
            "\\udc00",
            "\\ud800\\ud800",
            "\\ud800\\ud83d\\ude00",
            "\\ude00\\ud83d",
            "\\u12g4",
            "\\\\\\ud800",
        )
    ),
    *(json.dumps(letter * n, ensure_ascii=False) for letter in ("x", "é", "\U0001f4e6") for n in (64, 65)),
    json.dumps("\U0001f4e6" * 64),
]
NUMBERS = [
    *("0", "1", "-0", "-1", "2.0", "1e2", "1E2", "01", "+1", ".5", "1.", "1e999", "-1e999", "NaN", "-Infinity"),
    *("1000000", "1000001", "1000000000", "1000000001", "9" * 30, "9" * 5000, "-" + "9" * 5000),
]
WORDS = ["null", "true", "false", "nul", "[]", "{}", "[[[]]]", "[1,]", "{1:2}", '{"type":1}', '{"a":1,"a":"\\udfff"}']
DEEP = ["[" * n + "]" * n for n in range(DEPTH - 3, DEPTH + 2)] + [f"[{'[],' * DEPTH}0]", f'"{"[" * DEPTH}"']
ONE_LINE = '{"sku":"a","qty":1}'
LINES = [f"[{','.join([ONE_LINE] * n)}]" for n in (1, 100, 101)]
DATES = ['"2026-11-20"', '"2026-02-29"', '"20261120"', '"2026-W01-1"', '"0000-01-01"', '"0001-01-01"', '"2026-1-1"']
INSTANTS = [
    f'"{day}{t}{time}{offset}"'
    for day, t, time, offset in product(
        ["2026-11-20", "2016-12-31", "2015-06-30", "0001-01-01", "9999-12-31", "2026-02-29", "0000-01-01"],
        ["T", "t", " "],
        ["20:00:00", "23:59:60", "22:59:60.25", "24:00:00", "23:59:59.9999999", "00:00:00.", "00:00", "12:60:00"],
        ["Z", "z", "+00:00", "-00:00", "+01:00", "-01:00", "-23:59", "+24:00", "+01:60", "+0100", ""],
    )
]
PIECES = STRINGS + NUMBERS + WORDS + DEEP + LINES + DATES + INSTANTS[:3]

Pairs = list[tuple[str, str]]
BODIES: list[Pairs] = [
    [("type", '"order.placed"'), ("order_id", '"o"'), ("customer_id", '"é"'), ("lines", LINES[0])],
    [("type", '"order.placed"'), ("order_id", '"o"'), ("placed_at", INSTANTS[0]), ("lines", LINES[0])],
    [("type", '"order.cancelled"'), ("order_id", '"o"')],
    [("type", '"order.cancelled"'), ("order_id", '"o"'), ("batch_ref", '"b"'), ("qty", "0"), ("lines", LINES[0])],
    [("type", '"batch.created"'), ("batch_ref", '"b"'), ("sku", '"s"'), ("qty", "7"), ("eta", '"2026-11-20"')],
    [("type", '"batch.quantity_changed"'), ("batch_ref", '"b"'), ("qty", "0")],
    [("type", '"order.lost"'), ("order_id", '"o"')],
]


def written(pairs: Pairs) -> str:
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"


def escaped(key: str) -> str:
    return f"\\u{ord(key[0]):04x}{key[1:]}"


def with_one_piece(body: Pairs, piece: str) -> Iterator[Pairs]:
    """Put the piece in place of each value, before it under the same key, after it likewise; and beside them all."""
    for n, (key, _) in enumerate(body):
        yield [*body[:n], (key, piece), *body[n + 1 :]]
        yield [(key, piece), *body]
        yield [*body, (escaped(key), piece)]
        yield body[:n] + body[n + 1 :]
    yield [*body, ("ignored", piece)]
    yield [("lines", f'[{{"sku":{piece},"qty":1}}]') if key == "lines" else (key, value) for key, value in body]
    yield [("lines", f'[{{"sku":"s","qty":{piece}}}]') if key == "lines" else (key, value) for key, value in body]


@st.composite
def nearly_messages(draw: st.DrawFn) -> bytes:
    """Draw a message: its fields in any order, some with any value, wrapped, or spoilt in one place."""
    pairs = draw(st.sampled_from(BODIES))
    for _ in range(draw(st.integers(0, 2))):
        pairs = draw(st.sampled_from([*with_one_piece(pairs, draw(st.sampled_from(PIECES)))]))
    text = written(draw(st.permutations(pairs)))
    wrapped = draw(st.sampled_from(["{}"] * 8 + [" {}\r\n\t", "\ufeff{}", "{}x", "{}\0", "[{}]", "{}{}"]))
    value = wrapped.replace("{}", text).encode()
    spoilt = draw(st.sampled_from([b""] * 8 + [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\x80"]))
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


def judge_both(value: bytes) -> None:
    record = Record(Partition("raw-push", 0), 0, 0, None, value)
    message = decode(record)
    reason = message.content.reason if isinstance(message.content, Refused) else None
    assert (message.type, reason) == judged(value), value
    assert message == decode_carefully(record, value)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: "-".join(key for key, _ in body))
def test_one_odd_piece_anywhere_is_judged_as_the_contract_says(body: Pairs) -> None:
    for piece in PIECES:
        for pairs in with_one_piece(body, piece):
            judge_both(written(pairs).encode())


def test_instants_are_judged_as_the_contract_says() -> None:
    order = BODIES[0]
    for instant in INSTANTS:
        judge_both(written([*order, ("placed_at", instant)]).encode())


@settings(max_examples=400, deadline=None)
@given(nearly_messages())
@example(b"")
@example(b"[" * 100_000)
@example(b'{"type":"order.cancelled","order_id":"a","x":"\xff"}')
def test_what_is_nearly_a_message_is_judged_as_the_contract_says(value: bytes) -> None:
    judge_both(value)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_no_bytes_at_all_raise(value: bytes) -> None:
    message = decode(Record(Partition("raw-push", 0), 0, 0, None, value))
    assert isinstance(message.content, Refused)
    assert len(message.content.detail.encode()) <= 1024
    assert message.content.detail.isprintable()
