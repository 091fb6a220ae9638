"""The contract, section 3, story by story, as the checker's model tells it."""

import json

import pytest

from python_app_template.audit.model import Model, Outcome, Received
from tests.clients import Body, batch, cancelled, order, quantity


def told(*bodies: Body) -> list[str]:
    """All events of these messages, in a few words each: SKU/version, what, which line, which batch."""
    found = []
    for outcome in outcomes(*bodies):
        for event in outcome.events:
            about = [
                event["id"],
                event["type"],
                *(f"{event[n]}" for n in ("order_id", "line", "batch_ref") if n in event),
            ]
            found.append(" ".join(about))
    return found


def outcomes(*bodies: Body) -> list[Outcome]:
    return Model().run(Received(1, n, json.dumps(body).encode()) for n, body in enumerate(bodies))


def test_an_event_is_as_the_contract_says_field_by_field() -> None:
    bodies = [
        batch("b", "CHAIR", 10, "2030-01-01"),
        order("o", ("CHAIR", 2), ("CHAIR", 99), ("LAMP", 3)),
        quantity("b", 1),
        quantity("b", 5),
        order("p", ("CHAIR", 1)),
        cancelled("p"),
    ]
    found = [event for outcome in outcomes(*bodies) for event in outcome.events]
    assert [event["cause"] for event in found] == [
        {"topic": "raw-push", "partition": 1, "offset": offset} for offset in (0, 1, 1, 1, 2, 2, 2, 3, 4, 5)
    ]
    batch_of = {"batch_ref": "b", "sku": "CHAIR"}
    line = {"sku": "CHAIR", "order_id": "o", "line": 0, "qty": 2}
    expected = [
        {"type": "batch.created", **batch_of, "qty": 10, "eta": "2030-01-01"},
        {"type": "line.allocated", **line, "batch_ref": "b", "eta": "2030-01-01"},
        {"type": "line.out_of_stock", **line, "line": 1, "qty": 99},
        {"type": "line.rejected", **line, "line": 2, "qty": 3, "sku": "LAMP", "reason": "unknown_sku"},
        {"type": "batch.quantity_changed", **batch_of, "qty": 1},
        {"type": "line.deallocated", **line, "batch_ref": "b", "reason": "quantity_changed"},
        {"type": "line.out_of_stock", **line},
        {"type": "batch.quantity_changed", **batch_of, "qty": 5},
        {"type": "line.allocated", **line, "order_id": "p", "qty": 1, "batch_ref": "b", "eta": "2030-01-01"},
        {"type": "line.deallocated", **line, "order_id": "p", "qty": 1, "batch_ref": "b", "reason": "order_cancelled"},
    ]
    for event in found:
        del event["cause"]
    versions = iter(range(1, 10))
    for event in expected:
        version = 0 if event["type"] == "line.rejected" else next(versions)
        ref = f"{event['sku']}/{version}" if version else "o/2/rejected"
        event |= {"id": ref, "version": version}
    assert found == expected


@pytest.mark.parametrize(
    ("batches", "taken"),
    [
        ([batch("late", "A", 9, "2030-01-02"), batch("here", "A", 9), batch("soon", "A", 9, "2030-01-01")], "here"),
        ([batch("late", "A", 9, "2030-01-02"), batch("here", "A", 3), batch("soon", "A", 9, "2030-01-01")], "soon"),
        ([batch("b", "A", 9), batch("a", "A", 9), batch("c", "A", 9)], "a"),
        ([batch("é", "A", 9), batch("z", "A", 9)], "z"),
        ([batch("b", "A", 9, "2030-01-01"), batch("a", "A", 9, "2030-01-01")], "a"),
        ([batch("other", "B", 9), batch("small", "A", 3), batch("fits", "A", 4, "2030-01-01")], "fits"),
    ],
)
def test_a_line_goes_whole_to_stock_in_the_warehouse_else_due_first_else_smaller_by_name(
    batches: list[Body], taken: str
) -> None:
    assert told(*batches, order("o", ("A", 4)))[-1].split()[-2:] == ["0", taken]


def test_lines_of_one_order_are_decided_one_after_the_other() -> None:
    assert told(batch("a", "A", 5), batch("b", "A", 9), order("o", ("A", 4), ("A", 2), ("A", 1), ("A", 8)))[2:] == [
        "A/3 line.allocated o 0 a",
        "A/4 line.allocated o 1 b",
        "A/5 line.allocated o 2 a",
        "A/6 line.out_of_stock o 3",
    ]


def test_a_change_takes_the_latest_off_first_and_places_the_earliest_again_first() -> None:
    stock = [batch("a", "A", 9), batch("b", "A", 4, "2030-01-01")]
    orders = [order(f"o{n}", ("A", 3)) for n in range(3)]
    assert told(*stock, *orders, quantity("a", 3))[5:] == [
        "A/6 batch.quantity_changed a",
        "A/7 line.deallocated o2 0 a",
        "A/8 line.deallocated o1 0 a",
        "A/9 line.allocated o1 0 b",
        "A/10 line.out_of_stock o2 0",
    ]


def test_no_more_are_taken_off_than_have_to_be_and_a_smaller_one_may_go_back_to_the_changed_batch() -> None:
    orders = [order("o0", ("A", 1)), order("o1", ("A", 6)), order("o2", ("A", 2))]
    assert told(batch("a", "A", 9), *orders, quantity("a", 3))[4:] == [
        "A/5 batch.quantity_changed a",
        "A/6 line.deallocated o2 0 a",
        "A/7 line.deallocated o1 0 a",
        "A/8 line.out_of_stock o1 0",
        "A/9 line.allocated o2 0 a",
    ]


def test_latest_is_by_the_version_of_the_current_allocation() -> None:
    """The order o0 was placed first, and moved to b last."""
    stock = [batch("a", "A", 3), batch("b", "A", 9, "2030-01-01")]
    assert told(*stock, order("o0", ("A", 3)), order("o1", ("A", 4)), quantity("a", 0), quantity("b", 4))[-3:] == [
        "A/8 batch.quantity_changed b",
        "A/9 line.deallocated o0 0 b",
        "A/10 line.out_of_stock o0 0",
    ]


def test_units_that_a_cancellation_gave_back_are_there_for_the_next() -> None:
    found = told(batch("a", "A", 3), order("o", ("A", 3)), cancelled("o"), order("p", ("A", 3)))
    assert found[2:] == ["A/3 line.deallocated o 0 a", "A/4 line.allocated p 0 a"]


def test_a_cancelled_order_gives_its_lines_back_by_ascending_number() -> None:
    found = told(
        batch("a", "A", 9), batch("b", "B", 9), order("o", ("B", 1), ("A", 2), ("C", 1), ("B", 3)), cancelled("o")
    )
    assert found[-3:] == ["B/4 line.deallocated o 0 b", "A/3 line.deallocated o 1 a", "B/5 line.deallocated o 3 b"]


DUPLICATES: list[tuple[list[Body], bool | str]] = [
    ([order("o", ("A", 1)), order("o", ("A", 1))], True),
    ([order("o", ("A", 1)), order("o", ("A", 1)) | {"unknown": 1, "customer_id": None}], True),
    ([order("o", ("A", 1)), order("o", ("A", 2))], "conflict"),
    ([order("o", ("A", 1)), order("o", ("B", 1))], "conflict"),
    ([order("o", ("A", 1), ("B", 1)), order("o", ("B", 1), ("A", 1))], "conflict"),
    ([order("o", ("A", 1)), order("o", ("A", 1), customer_id="c")], "conflict"),
    ([order("o", ("A", 1), customer_id="c"), order("o", ("A", 1), customer_id="c")], True),
    (
        [
            order("o", ("A", 1), placed_at="2026-11-20T20:00:00Z"),
            order("o", ("A", 1), placed_at="2026-11-20T21:00:00.000000+01:00"),
        ],
        True,
    ),
    (
        [
            order("o", ("A", 1), placed_at="2026-11-20T20:00:00Z"),
            order("o", ("A", 1), placed_at="2026-11-20T20:00:00.000001Z"),
        ],
        "conflict",
    ),
    ([order("o", ("A", 1)), cancelled("o"), order("o", ("A", 1))], True),
    ([order("o", ("A", 1)), cancelled("o"), cancelled("o")], True),
    ([cancelled("o")], "unknown_order"),
    ([batch("b", "A", 1), batch("b", "A", 1)], True),
    ([batch("b", "A", 1), quantity("b", 2), batch("b", "A", 1)], True),
    ([batch("b", "A", 1), quantity("b", 2), batch("b", "A", 2)], "conflict"),
    ([batch("b", "A", 1), batch("b", "B", 1)], "conflict"),
    ([batch("b", "A", 1), batch("b", "A", 1, "2030-01-01")], "conflict"),
    ([batch("b", "A", 1), {"type": "batch.created", "batch_ref": "b", "sku": "A", "qty": 1}], True),
    ([quantity("b", 1)], "unknown_batch"),
    ([batch("b", "A", 1), quantity("b", 1)], True),
    ([batch("b", "A", 1), quantity("b", 2), quantity("b", 1), quantity("b", 2)], False),
]


@pytest.mark.parametrize(("bodies", "last"), DUPLICATES)
def test_the_same_again_has_no_effect_and_another_of_that_id_is_a_conflict(
    *, bodies: list[Body], last: bool | str
) -> None:
    found = outcomes(*bodies)[-1]
    assert (found.reason or found.duplicate) == last
    assert bool(found.events) is (last is False)
    assert found.type == bodies[-1]["type"]


def test_a_batch_without_units_makes_its_sku_known() -> None:
    assert told(batch("b", "A", 0), order("o", ("A", 1))) == ["A/1 batch.created b", "A/2 line.out_of_stock o 0"]


def test_what_is_no_message_is_of_no_type_and_leads_to_nothing() -> None:
    found = Model().run([Received(0, 0, b"{"), Received(0, 1, b'{"type":"odd"}'), Received(0, 2, None)])
    assert [(one.type, one.reason, one.events) for one in found] == [
        ("other", "undecodable", []),
        ("other", "unknown_type", []),
        ("other", "empty", []),
    ]


def test_what_is_invalid_has_the_type_that_it_says() -> None:
    found = Model().run([Received(0, 0, b'{"type":"order.cancelled"}')])
    assert (found[0].type, found[0].reason) == ("order.cancelled", "invalid")


def test_a_message_that_is_only_judged_changes_nothing() -> None:
    model = Model("elsewhere")
    first = Received(2, 7, json.dumps(batch("b", "A", 1)).encode())
    assert model.judge(first) == model.judge(first)
    assert model.judge(first)[0].events[0]["cause"] == {"topic": "elsewhere", "partition": 2, "offset": 7}


def test_books_tell_who_holds_a_batchs_units_latest_first() -> None:
    model = Model()
    bodies = [batch("b", "A", 9), order("o", ("A", 1), ("A", 2)), order("p", ("A", 4))]
    model.run(Received(0, n, json.dumps(body).encode()) for n, body in enumerate(bodies))
    assert model.allocated("b") == 7
    assert [(line.order_id, line.index, line.qty) for line in model.lines_of("b")] == [
        ("p", 0, 4),
        ("o", 1, 2),
        ("o", 0, 1),
    ]
