"""Contract, section 2 (messages in) and the first half of section 5 (why one can not be applied)."""

import json
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from python_app_template.adapters.wire.messages import BODIES, Line, OrderPlaced, decode
from python_app_template.core.delivery.messages import Message, Partition, Record, Refused
from python_app_template.core.domain import commands
from python_app_template.core.domain.commands import CancelOrder, ChangeBatchQuantity, Command, CreateBatch, PlaceOrder

ORDER: dict[str, Any] = {"type": "order.placed", "order_id": "order-001", "lines": [{"sku": "RED-CHAIR", "qty": 2}]}
BATCH: dict[str, Any] = {"type": "batch.created", "batch_ref": "batch-001", "sku": "RED-CHAIR", "qty": 100, "eta": None}


def read(value: bytes | None) -> Message[Command]:
    return decode(Record(Partition("raw-push", 2), 1041, 0, b"key", value, [("traceparent", b"00-1-2-01")]))


def command(**body: Any) -> Command:
    content = read(json.dumps(body).encode()).content
    assert not isinstance(content, Refused), content
    return content


def refused(value: bytes | None) -> str:
    content = read(value).content
    assert isinstance(content, Refused), content
    return f"{content.reason}: {content.detail}"


def wrong(**body: Any) -> str:
    return refused(json.dumps(body).encode())


def placed_at(text: str) -> datetime | None:
    placed = command(**ORDER, placed_at=text)
    assert isinstance(placed, PlaceOrder)
    return placed.placed_at


def test_the_contracts_own_examples() -> None:
    lines = b"""\
{"type":"batch.created","batch_ref":"batch-001","sku":"RED-CHAIR","qty":100,"eta":null}
{"type":"order.placed","order_id":"order-001","lines":[{"sku":"RED-CHAIR","qty":2},{"sku":"BLUE-LAMP","qty":1}]}
""".splitlines()
    assert [read(line).content for line in lines] == [
        CreateBatch("batch-001", "RED-CHAIR", 100, None),
        PlaceOrder("order-001", (commands.Line("RED-CHAIR", 2), commands.Line("BLUE-LAMP", 1))),
    ]


def test_every_field_of_an_order() -> None:
    full = command(**ORDER, customer_id="c", placed_at="2026-11-20T21:00:00.123456+01:00")
    instant = datetime(2026, 11, 20, 20, 0, 0, 123456, tzinfo=UTC)
    assert full == PlaceOrder("order-001", (commands.Line("RED-CHAIR", 2),), "c", instant)


def test_the_other_types() -> None:
    assert command(type="order.cancelled", order_id="o") == CancelOrder("o")
    assert command(type="batch.quantity_changed", batch_ref="b", qty=7) == ChangeBatchQuantity("b", 7)
    assert command(**{**BATCH, "eta": "2026-12-01"}) == CreateBatch("batch-001", "RED-CHAIR", 100, date(2026, 12, 1))


def test_a_message_keeps_its_record_and_weighs_as_much_as_its_lines() -> None:
    message = read(json.dumps({**ORDER, "lines": ORDER["lines"] * 3}).encode())
    assert (message.type, message.weight) == ("order.placed", 3)
    assert (message.record.offset, message.record.headers) == (1041, [("traceparent", b"00-1-2-01")])
    assert read(json.dumps(BATCH).encode()).weight == 1


def test_unknown_fields_are_ignored() -> None:
    assert command(**BATCH, note={"by": ["hand", 1.5, None]}) == command(**BATCH)
    assert command(**{**ORDER, "lines": [{"sku": "RED-CHAIR", "qty": 2, "colour": "red"}]}) == command(**ORDER)


def test_an_optional_field_that_is_null_is_absent() -> None:
    assert command(**ORDER, customer_id=None, placed_at=None) == command(**ORDER)
    assert command(type="batch.created", batch_ref="batch-001", sku="RED-CHAIR", qty=100) == command(**BATCH)


def test_the_same_sku_may_stand_on_several_lines() -> None:
    twice = command(**{**ORDER, "lines": ORDER["lines"] * 2})
    assert isinstance(twice, PlaceOrder)
    assert len(twice.lines) == 2


@pytest.mark.parametrize("name", ["order_id", "customer_id", "sku", "batch_ref"])
def test_ids_are_1_to_64_characters_without_control_characters(name: str) -> None:
    def with_id(text: str) -> dict[str, Any]:
        if name == "sku":
            return {**ORDER, "lines": [{"sku": text, "qty": 1}]}
        return {**(BATCH if name == "batch_ref" else ORDER), name: text}

    path = "$.lines[0].sku" if name == "sku" else f"$.{name}"
    for right in ("x", "x" * 64, "é" * 64, "\U0001f4e6" * 64, " ", "a/b", "\xa0", "\u2028", "null"):
        command(**with_id(right))
    assert wrong(**with_id("")) == f"invalid: {path}: expected str of length >= 1"
    assert wrong(**with_id("\U0001f4e6" * 65)) == f"invalid: {path}: expected str of length <= 64"
    for control in [*range(0x20), *range(0x7F, 0xA0)]:
        expected = f"invalid: {path}: expected str without control characters"
        assert wrong(**with_id(f"a{chr(control)}b")) == expected
        if control > 0x20:
            assert refused(json.dumps(with_id(chr(control)), ensure_ascii=False).encode()) == expected


@pytest.mark.parametrize("value", [0, 1_000_001, -1, 10**30, 2.0, "2", True, None, [1], {}])
def test_a_lines_qty_is_a_json_integer_from_1_to_1_000_000(value: object) -> None:
    assert wrong(**{**ORDER, "lines": [ORDER["lines"][0], {"sku": "s", "qty": value}]}).startswith(
        "invalid: $.lines[1].qty: expected int"
    )
    command(**{**ORDER, "lines": [{"sku": "s", "qty": 1}, {"sku": "s", "qty": 1_000_000}]})


@pytest.mark.parametrize("value", [-1, 1_000_000_001, 2.0, 1e2, "2", False, None])
def test_a_batchs_qty_is_a_json_integer_from_0_to_1_000_000_000(value: object) -> None:
    for body in (BATCH, {"type": "batch.quantity_changed", "batch_ref": "b"}):
        assert wrong(**{**body, "qty": value}).startswith("invalid: $.qty: expected int")
        command(**{**body, "qty": 0})
        command(**{**body, "qty": 1_000_000_000})


def test_an_order_has_1_to_100_lines() -> None:
    assert wrong(**{**ORDER, "lines": []}) == "invalid: $.lines: expected array of length >= 1"
    assert wrong(**{**ORDER, "lines": ORDER["lines"] * 101}) == "invalid: $.lines: expected array of length <= 100"
    command(**{**ORDER, "lines": ORDER["lines"] * 100})


@pytest.mark.parametrize("eta", ["2026-02-29", "2026-12-01T00:00:00Z", "20261201", "0000-01-01", "", 5])
def test_eta_is_a_date(eta: object) -> None:
    assert wrong(**{**BATCH, "eta": eta}).startswith("invalid: $.eta: ")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20T20:00:00Z", "2026-11-20T20:00:00+00:00"),
        ("2026-11-20t20:00:00z", "2026-11-20T20:00:00+00:00"),
        ("2026-11-20T20:00:00-00:00", "2026-11-20T20:00:00+00:00"),
        ("2026-11-20T20:00:00.5+23:59", "2026-11-19T20:01:00.500000+00:00"),
        ("2026-11-20T20:00:00.1234567Z", "2026-11-20T20:00:00.123456+00:00"),
        ("2026-11-20T23:59:59.9999999999999999999999999Z", "2026-11-20T23:59:59.999999+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("2015-07-01T01:59:60.5+02:00", "2015-07-01T00:00:00.500000+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
    ],
)
def test_placed_at_is_an_instant_kept_in_utc_microseconds(text: str, utc: str) -> None:
    instant = placed_at(text)
    assert instant is not None
    assert instant.isoformat() == utc
    assert instant.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T20:00:00",  # needs its offset
        "2026-11-20 20:00:00Z",
        "2026-11-20T20:00:00+0100",
        "2026-11-20T20:00:00+01",
        "2026-11-20T24:00:00Z",
        "2026-11-20T20:00Z",
        "2026-11-20T20:00:00.Z",
        "2026-11-20T20:00:00,5Z",
        "2026-11-20T20:00:00+24:00",
        "2026-02-29T20:00:00Z",
        "2026-11-20T20:00:00Z ",
        "٢٠٢٦-11-20T20:00:00Z",
        "2026-11-20T23:59:60Z",  # no leap second ends this day
        "2016-12-31T22:59:60Z",
        "9999-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",  # year 0 in UTC
        "9999-12-31T23:59:59-01:00",
        "",
    ],
)
def test_placed_at_is_rfc_3339_with_its_offset(text: str) -> None:
    refusal = "invalid: $.placed_at: expected an RFC 3339 date-time with its offset"
    assert wrong(**ORDER, placed_at=text).startswith(refusal)


def test_a_number_is_no_instant() -> None:
    assert wrong(**ORDER, placed_at=5) == "invalid: $.placed_at: expected str | null, got int"


def test_a_null_value_is_empty() -> None:
    assert refused(None).startswith("empty: ")
    assert read(None).type == "other"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\0",
        b"{",
        b"\xef\xbb\xbf" + json.dumps(BATCH).encode(),
        json.dumps(BATCH).encode("utf-16"),
        b'{"type":"order.cancelled","order_id":"\xff"}',
        b'{"type":"order.cancelled","order_id":"o","ignored":"\xff"}',
        b'{"type":"order.cancelled","order_id":"o","ignored":"\xed\xa0\x80"}',
        rb'{"type":"order.cancelled","order_id":"o","ignored":"\ud800"}',
        rb'{"type":"order.cancelled","order_id":"o","ignored":"\ud800","ignored":1}',
        rb'{"type":"order.cancelled","order_id":"o","\udc00":1}',
        b'{"type":"order.cancelled","order_id":"o","ignored":NaN}',
        b'{"type":"order.cancelled","order_id":"o","ignored":-Infinity}',
        b'{"type":"order.cancelled","order_id":"o","ignored":' + b"[" * 128 + b"]" * 128 + b"}",
        b"[" * 100_000 + b"]" * 100_000,
        b'[{"type":"order.cancelled","order_id":"o"},NaN]',
        b'{"type":"order.cancelled","order_id":"o"} {}',
        b"{'type':'order.cancelled'}",
    ],
    ids=range(18),
)
def test_what_is_not_utf8_json_is_undecodable(value: bytes) -> None:
    assert refused(value).startswith("undecodable: ")
    assert read(value).type == "other"


def test_nesting_may_be_128_deep_whatever_the_interpreters_stack() -> None:
    deep = b'{"type":"order.cancelled","order_id":"o","ignored":' + b"[" * 127 + b"]" * 127 + b"}"
    assert read(deep).content == CancelOrder("o")
    many = b'{"type":"order.cancelled","order_id":"o","ignored":[' + b"[]," * 500 + b'"[[[["]}'
    assert read(many).content == CancelOrder("o")


def test_numbers_of_any_length_are_json() -> None:
    for number in (b"1e999", b"-" + b"1" * 5000, b"0." + b"1" * 5000):
        for repeated in (b"", b'"order_id":"p",'):
            value = b'{%b"order_id":"o","type":"order.cancelled","ignored":%b}' % (repeated, number)
            assert read(value).content == CancelOrder("o")


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (b"[]", "$: expected object, got array"),
        (b"null", "$: expected object, got null"),
        (b'"order.placed"', "$: expected object, got str"),
        (b"{}", "$.type: expected str, got null"),
        (b'{"type":7}', "$.type: expected str, got int"),
        (b'{"type":{"type":"order.cancelled"}}', "$.type: expected str, got object"),
        (b'{"order_id":"o","lines":[{"type":"order.placed"}]}', "$.type: expected str, got null"),
    ],
)
def test_no_object_or_no_type_that_is_a_string_is_invalid(value: bytes, detail: str) -> None:
    assert refused(value) == f"invalid: {detail}"
    assert read(value).type == "other"


@pytest.mark.parametrize("name", ["order.lost", "", "ORDER.PLACED", "order.placed ", "other", "line.allocated"])
def test_a_type_not_in_section_2_is_unknown_type(name: str) -> None:
    message = read(json.dumps({"type": name, "order_id": 1}).encode())
    assert isinstance(message.content, Refused)
    assert (message.type, message.content.reason) == ("other", "unknown_type")
    assert message.content.detail.startswith(repr(name))


@pytest.mark.parametrize("name", ["x" * 2000, "\U0001f4e6" * 2000, "\x85\u2028\n" * 2000, "\U000e0001" * 2000])
def test_the_detail_is_one_readable_line_of_at_most_1_kb(name: str) -> None:
    detail = wrong(type=name)
    assert detail.isprintable()
    assert len(detail.removeprefix("unknown_type: ").encode()) <= 1024


def test_then_comes_invalid_with_the_path_and_what_is_wrong_and_the_messages_type() -> None:
    value = b'{"type":"order.placed","order_id":"o","lines":[{"sku":"a","qty":0}]}'
    assert refused(value) == "invalid: $.lines[0].qty: expected int >= 1"
    assert read(value).type == "order.placed"
    assert read(value).weight == 1
    assert wrong(type="order.cancelled") == "invalid: $: object missing required field order_id"
    assert wrong(**{**ORDER, "lines": [{"qty": 1}]}) == "invalid: $.lines[0]: object missing required field sku"


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (b'{"type":"order.lost","type":"order.cancelled","order_id":"o"}', CancelOrder("o")),
        (rb'{"type":"order.lost","\u0074ype":"order.cancelled","order_id":"o"}', CancelOrder("o")),
        (b'{"order_id":5,"type":"order.cancelled","order_id":"o"}', CancelOrder("o")),
        (b'{"order_id":"a","order_id":"o","type":"order.cancelled"}', CancelOrder("o")),
        (b'{"type":"order.cancelled","order_id":"a","order_id":"o"}', CancelOrder("o")),
        (rb'{"type":"order.cancelled","order_id":"a","order\u005fid":"\u006f"}', CancelOrder("o")),
    ],
)
def test_of_duplicate_keys_the_last_counts(value: bytes, content: Command) -> None:
    assert read(value).content == content
    assert refused(b'{"type":"order.cancelled","order_id":"o","type":"order.lost"}').startswith("unknown_type")
    assert refused(b'{"type":"order.cancelled","order_id":"o","type":null}').startswith("invalid: $.type")


def test_the_type_may_stand_anywhere_and_white_space_too() -> None:
    assert read(b' \r\n\t{ "order_id" : "o" , "type" : "order.cancelled" }\n').content == CancelOrder("o")


def test_the_same_structs_serve_where_unknown_fields_are_forbidden() -> None:
    class StrictLine(Line, forbid_unknown_fields=True):
        pass

    class StrictOrder(OrderPlaced, tag=False, forbid_unknown_fields=True):
        lines: list[StrictLine]  # type: ignore[assignment]

    body = {name: value for name, value in ORDER.items() if name != "type"}
    assert msgspec.convert(body, StrictOrder).command() == command(**ORDER)
    with pytest.raises(msgspec.ValidationError, match="unknown field `colour`"):
        msgspec.convert({**body, "lines": [{"sku": "s", "qty": 1, "colour": "red"}]}, StrictOrder)


def test_each_type_of_section_2_has_its_struct() -> None:
    assert [*BODIES] == ["order.placed", "order.cancelled", "batch.created", "batch.quantity_changed"]
    assert [body.__struct_config__.tag for body in BODIES.values()] == [*BODIES]
