"""`dlq list`, `dlq show` and `dlq replay` on a real broker and database."""

import json
import os
import signal
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from python_app_template.adapters import dead_letters
from python_app_template.core.delivery.messages import DeadLetter, Frame, Partition, Record, Refused
from python_app_template.settings import Settings
from tests.broker import Broker
from tests.command_line import CommandLine, given, on_terminal
from tests.sql import run_sql
from tests.surroundings import Topics

pytestmark = pytest.mark.servers

ORDER = b'{"type":"order.placed","order_id":"o","lines":[]}'


@pytest.fixture
def command(settings: Settings, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(given(settings), capsys)


@pytest.fixture
def broker(settings: Settings) -> Broker:
    return Broker(settings.kafka.bootstrap_servers)


def frame(topics: Topics, reason: str, offset: int, record: Record) -> Frame:
    received = record._replace(partition=Partition(topics.input, record.partition.number), offset=offset)
    return dead_letters.bury(DeadLetter(received, Refused(reason, f"why {offset}")), topics.dead_letter, "service/1")


def write(broker: Broker, topics: Topics, *frames: tuple[int, Frame]) -> None:
    """Write records to partitions of the dead-letter topic, and wait until they may be read."""
    producer = broker.begin()
    for number, made in frames:
        producer.produce(topics.dead_letter, made.value, made.key, number, headers=[*made.headers])
    producer.commit_transaction(10)
    broker.read(topics.dead_letter, 3)


@pytest.fixture
def letters(broker: Broker, topics: Topics) -> None:
    """Five dead letters and a record that is none."""
    at = Partition(topics.input, 2)
    write(
        broker,
        topics,
        (0, frame(topics, "invalid", 10, Record(at, 0, 1_000_000_000_000, b"o", ORDER, [("h", b"1"), ("h", None)]))),
        (0, frame(topics, "failed", 11, Record(at, 0, 5, b"\xff", b"\xff\x00binary", [("dlq.attempts", b"2")]))),
        (1, frame(topics, "failed", 12, Record(at, 0, 5, None, b"[1", [("dlq.attempts", b"3")]))),
        (1, frame(topics, "empty", 13, Record(Partition(topics.input, 0), 0, 5, b"o", None))),
        (2, dead_letters.truncated(frame(topics, "failed", 14, Record(at, 0, 5, b"o", b"x" * 3000)))),
        (2, Frame(topics.dead_letter, b"foreign", b"foreign", ())),
    )


def places(rows: list[dict[str, object]]) -> list[tuple[object, object]]:
    return [(row["partition"], row["offset"]) for row in rows]


def returned(broker: Broker, topics: Topics) -> list[tuple[bytes | None, bytes | None, object]]:
    broker.read(topics.positions, 1)  # waits for the transaction's end
    return [(m.key(), m.value(), m.headers()) for m in broker.read(topics.input, 3)]


@pytest.mark.usefixtures("letters")
def test_each_letter_is_a_line_that_says_what_and_why(command: CommandLine, topics: Topics) -> None:
    done = command("dlq", "list")
    assert (done.code, done.err) == (0, "")
    row = done.rows[0]
    written = datetime.fromisoformat(row.pop("written_at"))
    assert abs(written - datetime.now(UTC)) < timedelta(minutes=10)
    assert row == {
        "partition": 0,
        "offset": 0,
        "reason": "invalid",
        "detail": "why 10",
        "origin": {"topic": topics.input, "partition": 2, "offset": 10},
        "received_at": "2001-09-09T01:46:40.000Z",
        "key": "o",
        "attempts": 0,
        "truncated": None,
        "returned": False,
    }
    assert [(r["reason"], r["key"], r["attempts"], r["truncated"]) for r in done.rows[1:]] == [
        ("failed", "\\xff", 2, None),
        ("failed", None, 3, None),
        ("empty", "o", 0, None),
        ("failed", "o", 0, 3000),
        ("", "foreign", 0, None),
    ]


LISTED: tuple[tuple[list[str], list[tuple[int, int]]], ...] = (
    (["--reason", "failed"], [(0, 1), (1, 0), (2, 0)]),
    (["--reason", "invalid", "--reason", "empty"], [(0, 0), (1, 1)]),
    (["--key", "o"], [(0, 0), (1, 1), (2, 0)]),
    (["--key", os.fsdecode(b"\xff"), "--key", "foreign"], [(0, 1), (2, 1)]),
    (["--partition", "2", "--offset", "11-12"], [(0, 1), (1, 0)]),
    (["--offset", "13"], [(1, 1)]),
    (["--offset", "13-"], [(1, 1), (2, 0)]),
    (["--since", "2000-01-01", "--limit", "2"], [(0, 0), (0, 1)]),
    (["--since", "2999-01-01T00:00:00+02:00"], []),
    (["--until", "2000-01-01T00:00:00Z"], []),
    (["--reason", "failed", "--key", "o", "--until", "2999-01-01"], [(2, 0)]),
)
"""Options, and the places of the letters that they leave."""


@pytest.mark.usefixtures("letters")
def test_options_narrow_the_list_down(command: CommandLine) -> None:
    for options, expected in LISTED:
        done = command("dlq", "list", *options)
        assert (done.code, places(done.rows)) == (0, expected), options
        assert (done.err == "no dead letter matches\n") == (not expected)


@pytest.mark.usefixtures("letters")
def test_letters_are_counted_by_reason(command: CommandLine) -> None:
    assert command("dlq", "replay", "0:1").code == 0
    assert command("dlq", "list", "--count").rows[0] == {"reason": "failed", "letters": 3, "returned": 1}
    assert sum(row["letters"] for row in command("dlq", "list", "--count").rows) == 6


@pytest.mark.usefixtures("letters")
def test_a_person_sees_a_table_and_a_page(settings: Settings) -> None:
    seen = on_terminal(*given(settings), "dlq", "list", "--reason", "invalid")
    assert seen.code == 0
    assert [line.split()[:3] for line in seen.out.splitlines() if "0:0" in line] == [["0:0", "invalid", "2:10"]]
    lines = on_terminal(*given(settings), "dlq", "show", "0", "0").out.splitlines()
    assert lines[0] == f"{settings.kafka.dead_letter_topic} 0:0"
    assert [line.split() for line in lines if "detail" in line or "header h" in line] == [
        ["detail", "why", "10"],
        ["header", "h", "1"],
        ["header", "h", "-"],
    ]
    assert lines[-5:] == ["{", '  "type": "order.placed",', '  "order_id": "o",', '  "lines": []', "}"]
    assert "00000000  ff 00 62 69 6e 61 72 79" in on_terminal(*given(settings), "dlq", "show", "0", "1").out
    assert "no value" in on_terminal(*given(settings), "dlq", "show", "1", "1").out


@pytest.mark.usefixtures("letters")
def test_a_letter_is_shown_whole(command: CommandLine) -> None:
    done = command("dlq", "show", "0", "0")
    assert done.code == 0
    assert done.rows[0].items() >= {"service": "service/1", "headers": {"h": ["1", None]}, "returned": False}.items()
    assert done.rows[0]["value"] == json.loads(ORDER)
    assert command("dlq", "show", "--origin", "2:10").rows == done.rows
    assert command("dlq", "show", "1", "1").rows[0]["value"] is None


@pytest.mark.usefixtures("letters")
def test_the_bytes_of_one_that_was_too_large_come_from_the_database(
    command: CommandLine, settings: Settings, topics: Topics
) -> None:
    keep(settings, topics, 3000)
    assert command("dlq", "show", "2", "0").rows[0]["value"] == "x" * 3000
    with command.process("dlq", "show", "--origin", "2:14", "--raw", stdout=subprocess.PIPE) as shown:
        assert shown.communicate(timeout=60)[0] == b"x" * 3000


def keep(settings: Settings, topics: Topics, size: int) -> None:
    values = f"('{topics.input}', 2, 14, convert_to(repeat('x', {size}), 'UTF8'))"
    run_sql(settings.database.url.get_secret_value(), f"INSERT INTO oversized VALUES {values}")  # noqa: S608


def test_a_letter_that_is_not_there_is_told_with_exit_2(command: CommandLine, topics: Topics) -> None:
    for arguments in (["0", "0"], ["99", "0"], ["--origin", "0:0"]):
        done = command("dlq", "show", *arguments)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert done.err.startswith(f"{topics.dead_letter} has no dead letter ")


@pytest.mark.usefixtures("letters")
def test_a_rehearsal_names_what_would_be_done_and_does_nothing(
    command: CommandLine, broker: Broker, topics: Topics
) -> None:
    done = command("dlq", "replay", "--dry-run")
    assert done.code == 0
    assert [row["outcome"] for row in done.rows] == [
        "would be sent",
        "would be sent",
        "returned too often",
        "would be sent",
        "bytes lost",
        "foreign",
    ]
    assert done.err == f"3 would be sent to {topics.input}; 1 returned too often; 1 bytes lost; 1 foreign\n"
    assert returned(broker, topics) == []
    assert broker.read(topics.positions, 1) == []


@pytest.mark.usefixtures("letters")
def test_what_is_replayed_is_as_it_was_received_and_the_second_time_nothing_is(
    command: CommandLine, settings: Settings, broker: Broker, topics: Topics
) -> None:
    keep(settings, topics, 3000)
    first, second = command("dlq", "replay"), command("dlq", "replay")
    assert (first.code, second.code) == (0, 0)
    assert [row["outcome"] for row in first.rows] == ["returned too often", "foreign", *["sent"] * 4]
    assert second.err == f"0 sent to {topics.input}; 4 returned before; 1 returned too often; 1 foreign\n"
    dlq = topics.dead_letter.encode()
    found = returned(broker, topics)
    assert sorted(found, key=str) == sorted(
        [
            (b"o", ORDER, [("h", b"1"), ("h", None), ("dlq.attempts", b"1"), ("dlq.returned-from", dlq + b"/0/0")]),
            (b"\xff", b"\xff\x00binary", [("dlq.attempts", b"3"), ("dlq.returned-from", dlq + b"/0/1")]),
            (b"o", None, [("dlq.attempts", b"1"), ("dlq.returned-from", dlq + b"/1/1")]),
            (b"o", b"x" * 3000, [("dlq.attempts", b"1"), ("dlq.returned-from", dlq + b"/2/0")]),
        ],
        key=str,
    )
    assert [row["returned"] for row in command("dlq", "list").rows] == [True, True, False, True, True, False]


def test_interrupted_and_repeated_each_goes_back_once(command: CommandLine, broker: Broker, topics: Topics) -> None:
    at = Partition(topics.input, 0)
    write(broker, topics, *((0, frame(topics, "failed", n, Record(at, 0, 5, b"k", b"%d" % n))) for n in range(1500)))
    with command.process("dlq", "replay", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as interrupted:
        assert interrupted.stdout is not None
        assert interrupted.stdout.readline(), "the first transaction is committed"
        interrupted.send_signal(signal.SIGINT)
        _, err = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, err) == (130, b"")
    broker.read(topics.positions, 1)  # waits until no transaction is open: it left none
    done = command("dlq", "replay")
    assert done.code == 0
    assert 0 < len(done.rows) < 1500, "it was interrupted: while its lines wait to be read it goes no further"
    assert sorted(int(value or b"") for _, value, _ in returned(broker, topics)) == [*range(1500)]


def test_killed_at_a_failpoint_or_left_without_an_answer_each_goes_back_once(
    command: CommandLine, broker: Broker, topics: Topics
) -> None:
    at = Partition(topics.input, 0)
    write(broker, topics, *((0, frame(topics, "failed", n, Record(at, 0, 5, b"k", b"%d" % n))) for n in range(30)))
    for point, code, said in (
        ("replay.marks_produced=crash", -signal.SIGKILL, "replay.marks_produced"),
        ("replay.committed=error", 3, "failpoint replay.committed: APP_FAILPOINTS__POINTS asks for it"),
    ):
        ends = command.process(
            "dlq", "replay", "--limit", "10", f"--set=failpoints.points={point}", stderr=subprocess.PIPE
        )
        with ends as process:
            _, err = process.communicate(timeout=60)
        assert (process.returncode, said in err.decode()) == (code, True), err
    done = command("dlq", "replay")
    assert (done.code, len(done.rows)) == (0, 20), "the ten without an answer were committed"
    assert sorted(int(value or b"") for _, value, _ in returned(broker, topics)) == [*range(30)]


@pytest.mark.usefixtures("letters")
def test_places_and_options_select_what_is_replayed(command: CommandLine, broker: Broker, topics: Topics) -> None:
    assert command("dlq", "replay", "0:1", "1:0", "1:1", "--max-attempts", "4", "--reason", "failed").code == 0
    found = {(key, value) for key, value, _ in returned(broker, topics)}
    assert found == {(b"\xff", b"\xff\x00binary"), (None, b"[1")}
    (keyless,) = [m for m in broker.read(topics.input, 3) if m.key() is None]
    assert keyless.partition() == 2, "where it came from"


@pytest.mark.usefixtures("letters")
def test_nothing_that_matches_is_no_fault(command: CommandLine) -> None:
    for options in (["--key", "never"], ["0:99"]):
        done = command("dlq", "replay", *options)
        assert (done.code, done.out, done.err) == (0, "", "no dead letter matches\n")


@pytest.mark.usefixtures("letters")
def test_the_database_is_asked_only_for_bytes_and_told_of_when_it_is_away(command: CommandLine, topics: Topics) -> None:
    command.options.append("--set=database.url=postgresql+asyncpg://nobody@127.0.0.1:1/none")
    assert command("dlq", "replay", "--reason", "invalid").err == f"1 sent to {topics.input}\n"
    done = command("dlq", "replay")
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert "PostgreSQL" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--since", "yesterday"], "--since"),
        (["list", "--since", "2026-11-20T20:00:00"], "offset"),
        (["list", "--offset", "9-x"], "--offset"),
        (["list", "--limit", "0"], "--limit"),
        (["show"], "--origin"),
        (["show", "1"], "--origin"),
        (["show", "1", "2", "--origin", "1:2"], "--origin"),
        (["show", "--origin", "1-2"], "1-2"),
        (["replay", "1"], "PARTITION:OFFSET"),
        (["replay", "--max-attempts", "0"], "--max-attempts"),
        ([], "dlq --help"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_2(command: CommandLine, arguments: list[str], said: str) -> None:
    done = command("dlq", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
