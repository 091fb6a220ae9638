"""The guard fails when a figure grows, and only then."""

import json
from itertools import count
from pathlib import Path

import pytest

from tests.benchmark import baseline
from tests.benchmark.guarded import statements
from tests.benchmark.guarded.comparison import compare, family
from tests.benchmark.guarded.tap import Session

TRIPS, CALLS, NEW = "worker/orders/round trips per batch", "orders/decode/calls per message", "statements per batch/new"
GROUP = "servers"


def test_what_stayed_as_it_was_is_no_fault() -> None:
    assert compare({TRIPS: 13.0}, {TRIPS: 13.0}) == ([], [])


def test_a_figure_that_grew_is_named_with_both_values_and_what_it_may_grow_by() -> None:
    (fault,) = compare({TRIPS: 14.0}, {TRIPS: 13.0}).faults
    assert fault.startswith(f"{TRIPS}: 14 instead of 13 (+7.7%); it may grow by 1.0%: ")


def test_a_figure_may_vary_by_what_its_kind_varies_by() -> None:
    assert compare({CALLS: 100.4}, {CALLS: 100.0}) == ([], [])
    assert compare({CALLS: 100.6}, {CALLS: 100.0}).faults


def test_a_statement_that_was_not_there_is_a_fault() -> None:
    assert compare({NEW: 1.0}, {}).faults == [f"{NEW}: 1, and the baseline has none"]


def test_a_statement_that_is_gone_is_a_gain() -> None:
    found = compare({}, {NEW: 1.0})
    assert not found.faults
    assert found.gains


def test_a_figure_that_is_no_longer_measured_is_a_fault() -> None:
    assert compare({}, {TRIPS: 13.0}).faults == [f"{TRIPS}: is in the baseline with 13, and was not measured"]


def test_less_is_a_gain_that_may_be_held() -> None:
    assert compare({TRIPS: 10.0}, {TRIPS: 13.0}) == ([], [f"{TRIPS}: 10 instead of 13 (-23.1%)"])


def test_nothing_is_measured_of_which_nobody_says_how_much_it_may_grow() -> None:
    with pytest.raises(LookupError, match="add its kind to FAMILIES"):
        family("orders/seconds")


def test_what_grew_ends_the_command_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert baseline.judge({GROUP: {TRIPS: 13.0}}, {GROUP: {TRIPS: 13.0}}) == 0
    assert baseline.judge({GROUP: {TRIPS: 14.0}}, {GROUP: {TRIPS: 13.0}}) == 1
    assert f"MORE: {GROUP}/{TRIPS}: 14 instead of 13" in capsys.readouterr().out


def test_a_python_without_a_baseline_is_a_fault_and_not_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert baseline.judge({"python 3.99": {CALLS: 1.0}}, {"python 3.11": {CALLS: 1.0}}) == 1
    assert "python 3.99: has no baseline" in capsys.readouterr().out


def test_a_new_baseline_keeps_what_was_not_measured_this_time(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    baseline.write(file, {"python 3.11": {CALLS: 1.0}, GROUP: {TRIPS: 13.0}})
    baseline.write(file, {"python 3.12": {CALLS: 2.0}, GROUP: {TRIPS: 12.0}})
    expected = {"python 3.11": {CALLS: 1.0}, "python 3.12": {CALLS: 2.0}, GROUP: {TRIPS: 12.0}}
    assert json.loads(file.read_text()) == expected


def test_the_baseline_has_the_oldest_python_and_the_servers() -> None:
    assert {"python 3.11", GROUP} <= baseline.read(baseline.BASELINE).keys()


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("BEGIN;", "begin"),
        ("INSERT INTO orders (id) SELECT * FROM unnest($1) ON CONFLICT DO NOTHING", "insert orders"),
        ("INSERT INTO kept (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2", "insert kept"),
        ("SELECT sku FROM products WHERE sku = ANY($1) FOR NO KEY UPDATE", "lock products"),
        ("WITH s AS (SELECT 1) UPDATE positions p SET x = 1 FROM s", "update positions"),
        ("WITH a AS (INSERT INTO orders SELECT 1), b AS (UPDATE batches SET x = 1) SELECT 1",
         "insert orders, update batches"),
        ('COPY "order_lines"("order_id") FROM STDIN', "copy order_lines"),
        ("SELECT o.id FROM orders o JOIN order_lines l ON true", "select orders, order_lines"),
        ("SELECT set_config($1, $2, true)", "select"),
    ],
)  # fmt: skip
def test_a_statement_is_named_by_what_it_does_to_which_tables(sql: str, kind: str) -> None:
    assert statements.kind(sql) == kind


def framed(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4) + body


START = (8 + len(b"application_name\0worker\0\0")).to_bytes(4) + (196608).to_bytes(4) + b"application_name\0worker\0\0"
TLS = (8).to_bytes(4) + (80_877_103).to_bytes(4)
BATCH = [
    framed(b"Q", b"BEGIN;\0"),
    framed(b"P", b"s1\0UPDATE positions SET x = 1\0\0\0") + framed(b"H", b""),
    framed(b"B", b"\0s1\0") + framed(b"E", b"\0\0\0\0\0") + framed(b"S", b""),
    framed(b"Q", b'COPY "order_lines"("id") FROM STDIN\0') + framed(b"d", b"data") + framed(b"c", b""),
    framed(b"P", b"s2\0INSERT INTO outbox SELECT 1\0\0\0") + framed(b"B", b"\0s2\0") + framed(b"E", b"\0\0\0\0\0"),
    framed(b"S", b""),
    framed(b"Q", b"COMMIT;\0"),
]


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_a_session_is_understood_wherever_it_is_cut(piece: int) -> None:
    session, heard = Session(count()), TLS + START + b"".join(BATCH)
    for start in range(0, len(heard), piece):
        session.hear(heard[start : start + piece])
    assert session.application == "worker"
    (batch,) = statements.transactions(session)
    names = ["begin", "update positions", "copy order_lines", "insert outbox", "commit"]
    assert [*statements.kinds(batch)] == names
    figures = statements.figures([batch], 1, "batch")
    assert figures["round trips per batch"] == 7  # BEGIN, Flush, Sync, COPY, its end, Sync, COMMIT
    assert figures["bytes sent per batch"] == len(b"".join(BATCH))


def test_a_batch_is_known_by_its_position_and_its_events_and_the_first_ones_are_left_out() -> None:
    session = Session(count())
    session.hear(START + b"".join(BATCH) * (statements.WARM + 2) + framed(b"Q", b"SELECT 1\0"))
    assert len(statements.of_batches([session])) == 2


def test_a_page_is_what_is_asked_for_anew_and_nothing_by_the_clock() -> None:
    def asked(statement: bytes, value: int) -> bytes:
        return framed(b"B", b"\0" + statement + b"\0" + bytes([value])) + framed(b"E", b"\0") + framed(b"S", b"")

    session, pages = Session(count()), statements.WARM + 3
    session.hear(
        START + framed(b"P", b"look\0SELECT number FROM outbox\0") + framed(b"P", b"trim\0DELETE FROM outbox\0")
    )
    for number in range(pages):
        session.hear(asked(b"look", number) + (asked(b"trim", number) if number % 2 else b""))
    session.hear(asked(b"look", pages) * 10 + asked(b"trim", pages))
    found = statements.of_pages([session])
    assert statements.looks(found) == len(found) == 2, "but for the first ones, and the one that found none"
    figures = statements.figures(found, 2, "page")
    assert figures["statements per page/all"] == 1
