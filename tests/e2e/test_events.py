"""Contract, sections 1 to 4: what the whole process makes of messages."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.clients import Body, Received, World, batch, cancelled, order, quantity
from tests.e2e.accounting import Told, violations
from tests.e2e.conftest import Running

pytestmark = pytest.mark.servers


@pytest.fixture
def world(shared: Running) -> World:
    return shared.world


def known(world: World, sku: str, *batches: Body) -> None:
    """Have batches created, and wait until that is seen: orders of other partitions are sure to see them then."""
    world.send(*batches)
    world.events_of(sku, len(batches))


def summary(events: list[Received]) -> list[tuple[object, ...]]:
    names = ("type", "version", "order_id", "line", "qty", "batch_ref", "eta", "reason")
    return [tuple(e.body[name] for name in names if name in e.body) for e in events]


def test_each_line_is_allocated_on_its_own_whole_to_one_batch_or_is_out_of_stock_or_rejected(world: World) -> None:
    known(world, "own-line", batch("own-line-ship", "own-line", 9, "2030-01-02"), batch("own-line-b", "own-line", 5))
    (sent,) = world.send(
        order("own-line-o", ("own-line", 5), ("own-line", 6), ("own-line-unknown", 1), ("own-line", 4), ("own-line", 2))
    )
    events = world.events_of("own-line", 6)
    assert summary(events)[2:] == [
        ("line.allocated", 3, "own-line-o", 0, 5, "own-line-b", None),
        ("line.allocated", 4, "own-line-o", 1, 6, "own-line-ship", "2030-01-02"),
        ("line.out_of_stock", 5, "own-line-o", 3, 4),
        ("line.allocated", 6, "own-line-o", 4, 2, "own-line-ship", "2030-01-02"),
    ]
    (rejected,) = world.events_of("own-line-unknown", 1)
    assert summary([rejected]) == [("line.rejected", 0, "own-line-o", 2, 1, "unknown_sku")]
    assert rejected.body["id"] == "own-line-o/2/rejected"
    assert all(e.body["cause"]["offset"] == sent.offset for e in [*events[2:], rejected])


def test_out_of_stock_and_rejected_are_final(world: World) -> None:
    world.send(order("final-early", ("final", 1)))
    world.events_of("final", 1)
    known(world, "final", batch("final-b", "final", 0))
    world.events_of("final", 2)
    world.send(order("final-late", ("final", 1)))
    world.events_of("final", 3)
    world.send(quantity("final-b", 100))
    world.events_of("final", 4)
    world.send(order("final-last", ("final", 1)))
    assert [s[0] for s in summary(world.events_of("final", 5))] == [
        "line.rejected",
        "batch.created",
        "line.out_of_stock",
        "batch.quantity_changed",
        "line.allocated",
    ]


def test_a_quantity_change_tells_the_change_the_lines_taken_off_and_the_lines_placed_again(world: World) -> None:
    """Latest first off, earliest first on; the changed batch takes part again."""
    known(world, "change", batch("change-1", "change", 10), batch("change-2", "change", 3, "2030-01-01"))
    for n, qty in enumerate([4, 3, 2, 1]):
        world.send(order(f"change-o{n}", ("change", qty)))
        world.events_of("change", 3 + n)
    world.send(quantity("change-1", 5))
    assert summary(world.events_of("change", 13))[6:] == [
        ("batch.quantity_changed", 7, 5, "change-1"),
        ("line.deallocated", 8, "change-o3", 0, 1, "change-1", "quantity_changed"),
        ("line.deallocated", 9, "change-o2", 0, 2, "change-1", "quantity_changed"),
        ("line.deallocated", 10, "change-o1", 0, 3, "change-1", "quantity_changed"),
        ("line.allocated", 11, "change-o1", 0, 3, "change-2", "2030-01-01"),
        ("line.out_of_stock", 12, "change-o2", 0, 2),
        ("line.allocated", 13, "change-o3", 0, 1, "change-1", None),
    ]


def test_latest_is_by_the_version_of_the_current_allocation_also_across_batches_of_messages(world: World) -> None:
    known(world, "latest", batch("latest-1", "latest", 4), batch("latest-2", "latest", 4, "2030-01-01"))
    for n, (message, count) in enumerate(
        [
            (order("latest-a", ("latest", 2)), 3),
            (order("latest-b", ("latest", 2)), 4),
            (quantity("latest-1", 2), 7),  # b moves to the ship
            (quantity("latest-1", 0), 10),  # a moves to the ship, later than b
            (quantity("latest-2", 2), 13),  # a comes off
        ]
    ):
        world.send(message)
        assert len(world.events_of("latest", count)) == count, n
    assert summary(world.events_of("latest", 13))[10:] == [
        ("batch.quantity_changed", 11, 2, "latest-2"),
        ("line.deallocated", 12, "latest-a", 0, 2, "latest-2", "quantity_changed"),
        ("line.out_of_stock", 13, "latest-a", 0, 2),
    ]


def test_a_cancelled_order_gives_its_allocated_lines_back_by_ascending_line_and_is_never_allocated_again(
    world: World,
) -> None:
    known(world, "cancel", batch("cancel-b", "cancel", 5))
    placed = order("cancel-o", ("cancel", 2), ("cancel", 9), ("cancel-unknown", 1), ("cancel", 3))
    world.send(placed)
    world.events_of("cancel", 4)
    world.send(cancelled("cancel-o"), cancelled("cancel-o"), placed)
    world.send(order("cancel-next", ("cancel", 5)))
    events = world.events_of("cancel", 7)
    # The next order may have overtaken the cancellation (it has another key), never the other way round in one SKU.
    told = [s for s in summary(events)[4:] if s[2] == "cancel-o"]
    assert [(s[0], s[3:]) for s in told] == [
        ("line.deallocated", (0, 2, "cancel-b", "order_cancelled")),
        ("line.deallocated", (3, 3, "cancel-b", "order_cancelled")),
    ]
    assert len(events) == 7


def test_the_same_message_again_has_no_effect_in_whatever_partition_it_comes(world: World) -> None:
    """Unknown fields don't count; instants are compared as UTC microseconds; null is absent."""
    known(world, "again", batch("again-b", "again", 9))
    first = order("again-o", ("again", 2), ("again", 1), placed_at="2026-11-20T20:00:00.5Z", customer_id="c")
    world.send(first)
    world.events_of("again", 3)
    for number in range(3):
        world.send(
            first | {"placed_at": "2026-11-20T21:00:00.500000+01:00", "note": number},
            batch("again-b", "again", 9) | {"supplier": "x"},
            quantity("again-b", 9),
            partition=number,
        )
        world.send(batch(f"again-marker-{number}", "again", 0), partition=number)
    assert [s[0] for s in summary(world.events_of("again", 6))] == [
        "batch.created",
        "line.allocated",
        "line.allocated",
        *["batch.created"] * 3,
    ]


def test_a_batch_sent_again_is_compared_with_what_it_was_created_as_and_an_old_change_is_a_new_one(
    world: World,
) -> None:
    known(world, "became", batch("became-b", "became", 9))
    again = batch("became-b", "became", 9), batch("became-m", "became", 0)
    world.send(quantity("became-b", 3), again[0], quantity("became-b", 9), quantity("became-b", 3))
    assert [s[2:] for s in summary(world.events_of("became", 4))] == [
        (9, "became-b", None),
        (3, "became-b"),
        (9, "became-b"),
        (3, "became-b"),
    ]


def test_one_bad_message_never_holds_up_or_undoes_another(world: World) -> None:
    known(world, "bad-one", batch("bad-one-b", "bad-one", 100))
    good = [(json.dumps(order(f"bad-one-{n}", ("bad-one", 1))).encode(), b"same", ()) for n in range(6)]
    bad = [b"{", b"[]", b'{"type":"nonsense"}', None, b'{"type":"order.placed"}', b'{"type":"order.cancelled"}']
    sent = world.send_records([pair for g, b in zip(good, bad, strict=True) for pair in (g, (b, b"same", ()))])
    events = world.events_of("bad-one", 7)
    assert [e.body["order_id"] for e in events[1:]] == [f"bad-one-{n}" for n in range(6)]
    assert len(world.dead_letters_of(sent[1::2])) == 6


def test_version_numbers_a_skus_events_without_a_gap_and_they_go_to_one_partition_in_that_order(world: World) -> None:
    skus = [f"many-{n}" for n in range(7)]
    bought = world.send(*[batch(f"{sku}-b", sku, 300) for sku in skus])
    for sku in skus:
        world.events_of(sku, 1)
    sent = world.send(*[order(f"many-o{n}", *[(skus[(n + i) % 7], 1) for i in range(n % 4 + 1)]) for n in range(200)])
    events = [e for sku in skus for e in world.events_of(sku, 1 + sum(sku.encode() in (m.value or b"") for m in sent))]
    assert violations(Told([*bought, *sent], events)) == []
    for n, message in enumerate(sent):
        mine = [e.body for e in events if e.body["cause"] == place(world, message)]
        assert sorted(body["line"] for body in mine) == [*range(n % 4 + 1)]


def test_the_events_of_one_message_that_concern_one_sku_have_consecutive_versions_in_the_order_of_the_lines(
    world: World,
) -> None:
    world.send(batch("row-x-b", "row-x", 10**6), batch("row-y-b", "row-y", 10**6))
    world.events_of("row-x", 1)
    world.events_of("row-y", 1)
    world.send(*[order(f"row-{n}", *[(f"row-{'xy'[i % 2]}", 1) for i in range(20)]) for n in range(30)])
    for odd, sku in enumerate(["row-x", "row-y"]):
        bodies = [e.body for e in world.events_of(sku, 301)][1:]
        for start in range(0, 300, 10):
            row = bodies[start : start + 10]
            assert len({body["order_id"] for body in row}) == 1
            assert [body["line"] for body in row] == [*range(odd, 20, 2)]


def test_partitions_are_chosen_by_murmur2_of_the_key_as_kafkas_own_clients_do(world: World) -> None:
    """Kafka's client puts the batch under its reference; the service puts the event under the SKU of the same name."""
    names = [f"murmur-{n}-{'ü' * (n % 9)}" for n in range(60)]
    sent = {m.key: m for m in world.send(*[batch(name, name) for name in names])}
    events = world.read(world.kafka.output_topic, lambda got: sent.keys() <= {e.key for e in got})
    assert {e.key: e.partition for e in events if e.key in sent} == {key: m.partition for key, m in sent.items()}
    assert len({m.partition for m in sent.values()}) == 3


def test_an_events_fields_and_headers(world: World) -> None:
    """CloudEvents 1.0 in binary mode, and the cause's traceparent as it came."""
    known(world, "envelope", batch("envelope-b", "envelope", 9, "2030-01-01"))
    traceparent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    before = datetime.now(UTC)
    sent = world.send_raw(
        json.dumps(order("envelope-o", ("envelope", 2))).encode(),
        b"envelope-o",
        headers=[("traceparent", traceparent), ("tracestate", b"x=1"), ("other", b"y")],
    )
    event = world.events_of("envelope", 2)[1]
    body = event.body
    occurred_at = body.pop("occurred_at")
    assert datetime.strptime(occurred_at, "%Y-%m-%dT%H:%M:%S.%f%z") >= before - timedelta(milliseconds=1)
    assert len(occurred_at) == len("2026-11-20T20:00:00.123456Z")
    assert occurred_at.endswith("Z")
    assert body == {
        "type": "line.allocated",
        "id": "envelope/2",
        "sku": "envelope",
        "version": 2,
        "cause": place(world, sent),
        "order_id": "envelope-o",
        "line": 0,
        "qty": 2,
        "batch_ref": "envelope-b",
        "eta": "2030-01-01",
    }
    assert event.key == b"envelope"
    assert event.header_list == (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"envelope/2"),
        ("ce_type", b"line.allocated"),
        ("ce_source", b"python-app-template"),
        ("content-type", b"application/json"),
        ("traceparent", traceparent),
    )


def test_a_cause_without_a_traceparent_gives_none(world: World) -> None:
    known(world, "untraced", batch("untraced-b", "untraced"))
    (event,) = world.events_of("untraced", 1)
    assert "traceparent" not in event.headers


def test_ids_may_hold_whatever_is_no_control_character(world: World) -> None:
    sku, ref, order_id = "ä\u2028/ \U0001f4e6", '"\\', "\ue000" * 64
    known(world, sku, batch(ref, sku))
    world.send(order(order_id, (sku, 1)))
    event = world.events_of(sku, 2)[1]
    assert event.key == sku.encode()
    assert (event.body["sku"], event.body["order_id"], event.body["batch_ref"]) == (sku, order_id, ref)
    assert event.headers["ce_id"] == f"{sku}/2".encode()


def test_the_largest_numbers_and_the_longest_orders_go_through(world: World) -> None:
    known(world, "large", batch("large-b", "large", 1_000_000_000))
    world.send(order("large-o", *[("large", 1_000_000)] * 100))
    events = world.events_of("large", 101)
    assert {s[0] for s in summary(events)[1:]} == {"line.allocated"}
    world.send(quantity("large-b", 0))
    assert len(world.events_of("large", 302)) == 302


def test_a_placed_at_of_any_year_is_taken(world: World) -> None:
    known(world, "years", batch("years-b", "years"))
    instants = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999-23:59"]
    placed = [order(f"years-{n}", ("years", 1), placed_at=instant) for n, instant in enumerate(instants)]
    world.send(*placed)
    world.events_of("years", 4)
    world.send(*placed)
    world.send(*[order(f"years-{n}-m", ("years", 1)) for n in range(9)])
    assert len(world.events_of("years", 13)) == 13


def place(world: World, message: Received) -> Body:
    return {"topic": world.kafka.input_topic, "partition": message.partition, "offset": message.offset}
