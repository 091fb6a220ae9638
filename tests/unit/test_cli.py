import json
import re
import uuid
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message

from python_app_template.cli.app import hoisted, run
from python_app_template.cli.faults import CommandFailed
from python_app_template.cli.sending import checked
from python_app_template.cli.showing import value_line, whole_line
from python_app_template.cli.story.keys import keyed
from python_app_template.cli.story.samples import Samples, message
from tests.command_line import on_terminal

# Keys


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"type":"order.placed","order_id":"o","batch_ref":"b"}', b"o"),
        (b'{"type":"batch.created","order_id":"o","batch_ref":"b"}', b"b"),
        (b'{"type":"order.placed","order_id":7,"batch_ref":"b"}', b"b"),
        (b'{"order_id":"\xc3\xa9"}', "é".encode()),
        (b'{"type":7}', None),
        (b"{}\r\n", None),
    ],
)
def test_messages_are_keyed_by_what_they_are_about(line: bytes, key: bytes | None) -> None:
    assert keyed(line) == (key, line.rstrip())


@pytest.mark.parametrize(
    "bad", [b"[1]", b"null", b"", b"  ", b"{", b'{"a":NaN}', b'{"a":"\xff"}', b'\xef\xbb\xbf{"a":1}']
)
def test_the_number_of_a_line_that_is_no_json_object_is_told(bad: bytes) -> None:
    lines = [b'{"a":1}\n', bad + b"\n", b"nor this"]
    with pytest.raises(CommandFailed, match=r"^line 2: no JSON object: .*; nothing was sent$"), checked(lines):
        pass


def test_lines_go_out_as_they_came() -> None:
    with checked([b'{ "a" : 1.0 }\n', b'{"b":2}']) as found:
        assert found.number == 2
        assert [value for _, value in found.messages] == [b'{ "a" : 1.0 }', b'{"b":2}']


# Samples


def test_a_seed_makes_the_same_sample_again() -> None:
    def sample(seed: int | None) -> list[Any]:
        samples = Samples(30, seed)
        return [*map(message, samples.batches()), *map(message, samples.orders())]

    assert sample(7) == sample(7)
    assert sample(7) != sample(8)
    assert sample(None) != sample(None)


def test_samples_are_keyed_orders_of_known_skus_under_rising_uuids() -> None:
    samples = Samples(40, 1)
    skus = {batch.sku for batch in samples.batches()}
    orders = list(samples.orders())
    assert {line.sku for order in orders for line in order.lines} <= skus
    ids = [order.order_id for order in orders]
    assert ids == sorted(ids)
    assert {uuid.UUID(name).version for name in ids} == {7}
    assert all(keyed(value) == (key, value) for key, value in map(message, orders))


# Records as lines


def record(value: bytes | None, key: bytes | None = None, headers: Any = None) -> Message:
    return Message(topic="t", partition=1, offset=2, key=key, value=value, headers=headers, timestamp=(1, 3))


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (b'{"a": 1.0}', b'{"a": 1.0}'),
        (b'{\n "a": [1,\r\n 2]\n}', b'{"a":[1,2]}'),
        (None, b"null"),
        (b"", b'""'),
        (b"not json", b'"not json"'),
        (b"\xff\x00", b'"\\\\xff\\u0000"'),
        (b'{"a":"\xff"}', b'"{\\"a\\":\\"\\\\xff\\"}"'),
        (b"1e999", b"1e999"),
        (b"[" * 100_000, msgspec.json.encode("[" * 100_000)),
    ],
)
def test_every_value_is_one_line_of_json(value: bytes | None, line: bytes) -> None:
    assert value_line(record(value)) == line
    assert b"\n" not in line
    json.loads(line)


def test_a_whole_record_has_its_place_and_headers() -> None:
    line = whole_line(record(b'{"a":1}', b"\xfek", [("h", b"1"), ("n", None), ("h", b"2"), ("h", b"3")]))
    assert json.loads(line) == {
        "topic": "t",
        "partition": 1,
        "offset": 2,
        "timestamp": 3,
        "key": "\\xfek",
        "headers": {"h": ["1", "2", "3"], "n": None},
        "value": {"a": 1},
    }


# The command line itself


def test_a_setting_may_stand_after_the_command() -> None:
    assert hoisted(["topics", "--set", "a.b=c", "create", "--set=d=e", "--json"]) == [
        *("--set", "a.b=c", "--set=d=e", "topics", "create", "--json")
    ]
    assert hoisted(["produce", "--", "--set", "x"]) == ["produce", "--", "--set", "x"]
    assert hoisted(["produce", "--set"]) == ["produce", "--set"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nope"], "--nope"),
        (["nope"], "'nope'"),
        (["produce", "--sample", "x"], "'--sample'"),
        (["produce", "--sample", "0"], "'--sample'"),
        (["produce", "--sample", "1", "some.jsonl"], "--sample"),
        (["consume", "--count", "-1"], "'--count'"),
        (["topics", "creat"], "'create'"),
        (["settings", "--set", "kafka"], "--set"),
        (["settings", "--set"], "--set"),
        (["produce", "no-such-file"], "no-such-file can't be read"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err


def test_bad_settings_are_a_line_each_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["topics", "--set", "http.port=x", "--set", "kafka.nope=1"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.split(" ")[0] for line in lines) == ["APP_HTTP__PORT", "APP_KAFKA__NOPE"]


@pytest.mark.parametrize("command", [[], ["--help"], ["topics", "--help"], ["consume", "--help"], ["demo", "--help"]])
def test_help_is_no_fault(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert run(command) == 0
    assert "Usage: python-app-template" in capsys.readouterr().out


def test_every_command_has_help_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    run([])
    commands = re.findall(r"^│ ([a-z]+) ", capsys.readouterr().out, re.MULTILINE)
    assert commands == [
        "demo",
        "prove",
        "backends",
        "topics",
        "preflight",
        "serve",
        "token",
        "produce",
        "consume",
        "dlq",
        "explain",
        "audit",
        "positions",
        "views",
        "purge",
        "settings",
    ]
    for command in commands:
        assert run([command, "--help"]) == 0
        assert f"python-app-template {command}" in capsys.readouterr().out.partition("Examples")[2]


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert re.fullmatch(r"python-app-template \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_settings_are_json_lines_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql+asyncpg://me:s3cr3t@db.example/orders"
    assert run(["settings", "--set", f"database.url={url}", "--set", "kafka.group_id=mine"]) == 0
    out = capsys.readouterr().out
    rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert rows["APP_KAFKA__GROUP_ID"] == {"name": "APP_KAFKA__GROUP_ID", "value": "mine", "origin": "command line"}
    assert rows["APP_DATABASE__URL"]["value"] == "postgresql+asyncpg://me:***@db.example/orders"
    assert "s3cr3t" not in out


def test_a_person_sees_a_table_and_may_ask_for_json() -> None:
    seen = on_terminal("settings")
    assert seen.code == 0
    assert [line.split() for line in seen.out.splitlines() if "GROUP_ID" in line] == [
        ["APP_KAFKA__GROUP_ID", "python-app-template", "default"]
    ]
    assert json.loads(on_terminal("settings", "--json").out.splitlines()[0])["origin"] == "default"
