"""Contract, section 5: what can not be applied leaves unchanged, with the reason in headers, once."""

import json
from collections.abc import Iterator
from importlib.metadata import version

import pytest

from python_app_template.settings import Settings
from tests.clients import World, batch, cancelled, order, quantity, reason_of
from tests.e2e.accounting import Told, violations
from tests.e2e.conftest import Launch, Running
from tests.servers import Kafka
from tests.surroundings import Partitions, Topics, new_topics

pytestmark = pytest.mark.servers

DETAILS = ("dlq.reason", "dlq.detail", "dlq.topic", "dlq.partition", "dlq.offset", "dlq.timestamp", "dlq.service")


@pytest.fixture
def world(shared: Running) -> World:
    return shared.world


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"", "undecodable"),
        (b"\xef\xbb\xbf{}", "undecodable"),
        (b'{"type":"order.cancelled","order_id":"\\ud800"}', "undecodable"),
        (b'{"type":"order.cancelled","order_id":"\xff"}', "undecodable"),
        (b'{"type":"order.cancelled","order_id":NaN}', "undecodable"),
        (b"[" * 100_000 + b"]" * 100_000, "undecodable"),
        (b"[]", "invalid"),
        (b"{}", "invalid"),
        (b'{"type":7}', "invalid"),
        (b'{"type":"order.shipped"}', "unknown_type"),
        (b'{"type":"order.cancelled"}', "invalid"),
        (b'{"type":"order.placed","order_id":"dead-o","lines":[]}', "invalid"),
        (b'{"type":"order.placed","order_id":"dead-o","lines":[{"sku":"s","qty":2.0}]}', "invalid"),
        (b'{"type":"order.cancelled","order_id":"dead-never-placed"}', "unknown_order"),
        (b'{"type":"batch.quantity_changed","batch_ref":"dead-never-created","qty":1}', "unknown_batch"),
        (b'{"type":"order.placed","type":"order.cancelled","order_id":"dead-never-placed"}', "unknown_order"),
    ],
)
def test_key_value_and_headers_are_as_received_and_the_reason_is_in_headers(
    world: World, value: bytes | None, reason: str
) -> None:
    came_with = [("b", b"\xff"), ("a", None), ("b", b""), ("traceparent", b"00-1")]
    sent = world.send_raw(value, b"\x00key\xff", headers=came_with)
    (letter,) = world.dead_letters_of([sent])
    assert (letter.key, letter.value) == (sent.key, sent.value)
    assert [*letter.header_list[:4]] == came_with
    assert [name for name, _ in letter.header_list[4:]] == [*DETAILS]
    headers = {name: (found or b"").decode() for name, found in letter.header_list[4:]}
    assert headers.pop("dlq.detail").isprintable()
    assert 0 < int(headers.pop("dlq.timestamp")) <= letter.timestamp
    assert headers == {
        "dlq.reason": reason,
        "dlq.topic": world.kafka.input_topic,
        "dlq.partition": str(sent.partition),
        "dlq.offset": str(sent.offset),
        "dlq.service": f"python-app-template/{version('python-app-template')}",
    }


def test_the_detail_of_invalid_is_the_path_and_what_is_wrong_with_it(world: World) -> None:
    sent = world.send(order("detail-o", ("s", 1), ("s", 0)))
    (letter,) = world.dead_letters_of(sent)
    detail = (letter.headers["dlq.detail"] or b"").decode()
    assert "lines[1].qty" in detail
    assert "1" in detail
    assert len(detail.splitlines()) == 1


def test_a_detail_is_one_line_of_1_kb_at_most_whatever_the_message_says(world: World) -> None:
    sent = world.send_raw(json.dumps({"type": "\n\U0001f4e6" * 5000}).encode())
    (letter,) = world.dead_letters_of([sent])
    detail = letter.headers["dlq.detail"] or b""
    assert len(detail) <= 1024
    assert detail.decode().isprintable()


def test_the_timestamp_is_the_records(world: World) -> None:
    sent = world.send_raw(b"{", b"timestamp")
    (letter,) = world.dead_letters_of([sent])
    (record,) = [
        m
        for m in world.read_to_end(world.kafka.input_topic)
        if (m.partition, m.offset) == (sent.partition, sent.offset)
    ]
    assert letter.headers["dlq.timestamp"] == b"%d" % record.timestamp


def test_dlq_headers_that_a_message_came_with_are_replaced_and_attempts_counts_its_returns(world: World) -> None:
    sent = world.send_raw(
        b"{",
        b"returned",
        headers=[("dlq.reason", b"old"), ("dlq.other", b"old"), ("x", b"stays"), ("dlq.attempts", b"2")],
    )
    (letter,) = world.dead_letters_of([sent])
    names = [name for name, _ in letter.header_list]
    assert names == ["x", *DETAILS, "dlq.attempts"]
    assert (reason_of(letter), letter.headers["dlq.attempts"]) == ("undecodable", b"2")


@pytest.mark.parametrize(
    "other",
    [
        order("conflict-o", ("conflict", 2)),
        order("conflict-o", ("conflict", 1), ("conflict", 1)),
        order("conflict-o", ("conflict", 1), customer_id="c"),
        order("conflict-o", ("conflict", 1), placed_at="2026-11-20T20:00:00Z"),
        batch("conflict-b", "conflict", 101),
        batch("conflict-b", "conflict-else", 100),
        batch("conflict-b", "conflict", 100, "2030-01-01"),
    ],
    ids=["qty", "lines", "customer", "placed_at", "batch qty", "sku", "eta"],
)
@pytest.mark.parametrize("number", [0, 2])
def test_the_same_id_with_other_content_is_a_conflict_in_whatever_partition(
    world: World, other: dict[str, object], number: int
) -> None:
    world.send(batch("conflict-b", "conflict"))
    world.events_of("conflict", 1)
    world.send(order("conflict-o", ("conflict", 1)))
    world.events_of("conflict", 2)
    (letter,) = world.dead_letters_of(world.send(other, partition=number))
    assert reason_of(letter) == "conflict"
    assert len(world.events_of("conflict", 2)) == 2, "the first one stands"


def test_a_dead_letter_goes_to_the_partition_of_its_key_and_without_one_to_its_origins(world: World) -> None:
    keyed = world.send_records([(b"{", f"place-{n}".encode(), ()) for n in range(30)])
    keyless = [world.send_raw(b"{", None, number) for number in range(3)]
    misplaced = [world.send_raw(b"{", b"place-0", number) for number in range(3)]
    letters = world.dead_letters_of([*keyed, *keyless, *misplaced])
    assert [letter.partition for letter in letters[:33]] == [m.partition for m in [*keyed, *keyless]]
    assert {letter.partition for letter in letters[33:]} == {keyed[0].partition}
    assert {letter.key for letter in letters[30:33]} == {None}


@pytest.fixture
def topics(kafka: Kafka) -> Iterator[Topics]:
    """Two partitions for dead letters, for who has a service of their own."""
    with new_topics(kafka, Partitions(dead_letter=2)) as names:
        yield names


def test_without_a_key_it_is_the_origins_number_modulo_the_topics_count(launch: Launch, settings: Settings) -> None:
    launch(APP_KAFKA__DEAD_LETTER_PARTITIONS="2")
    world = World(settings)
    keyless = [world.send_raw(b"{", None, number) for number in range(3)]
    assert [letter.partition for letter in world.dead_letters_of(keyless)] == [0, 1, 0]


def test_one_too_large_for_any_topic_goes_out_with_an_empty_value_and_its_size(world: World) -> None:
    """A broker's bound is for what is packed: out of little much may come."""
    large = b"[" + b" " * 3_000_000
    sent = world.send_raw(large, b"large", headers=[("x", b"y")])
    (letter,) = world.dead_letters_of([sent])
    assert (letter.key, letter.value) == (b"large", b"")
    assert (letter.headers["x"], letter.headers["dlq.truncated"]) == (b"y", b"%d" % len(large))
    assert reason_of(letter) == "undecodable"


def test_a_large_key_or_many_headers_hold_up_nothing(world: World) -> None:
    key, headers = b"k" * 2_000_000, [(f"h{n}", b"x" * 1000) for n in range(1000)]
    sent = world.send_records([(b"{", key, ()), (b"{", b"many headers", headers)])
    keyed, headed = world.dead_letters_of(sent)
    assert keyed.key == key
    assert headed.header_list[: len(headers)] == tuple(headers)


def test_a_large_message_that_is_well_formed_is_applied(world: World) -> None:
    body = batch("large-b", "large-sku") | {"note": " " * 3_000_000}
    world.send(body)
    assert len(world.events_of("large-sku", 1)) == 1


def test_each_bad_message_is_one_dead_letter_and_the_others_go_through(world: World) -> None:
    """Many of all kinds, in one stream."""
    (created,) = world.send(batch("stream-b", "stream", 10**6))
    world.events_of("stream", 1)
    records: list[tuple[bytes | None, bytes | None, tuple[()]]] = []
    for n in range(300):
        body = [order(f"stream-{n}", ("stream", 1)), cancelled(f"stream-never-{n}"), quantity(f"stream-never-{n}", n)]
        records.append((json.dumps(body[n % 3]).encode(), f"{n % 50}".encode(), ()))
        if n % 5 == 0:
            records.append(([b"{", None, b"[]", b'{"type":"x"}'][n % 4], None, ()))
    sent = world.send_records(records)
    bad = [m for m in sent if not (m.value or b"").startswith(b'{"type": "order.placed"')]
    letters = world.dead_letters_of(bad)
    events = world.events_of("stream", 101)
    assert violations(Told([created, *sent], events, letters)) == []
