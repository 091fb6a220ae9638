"""`produce` and `consume` on a real broker."""

import io
import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from python_app_template.adapters.secondary.kafka.partitioner import murmur2
from python_app_template.settings import Settings
from tests.command_line import CommandLine, given
from tests.surroundings import Topics

pytestmark = pytest.mark.servers

BATCH = b'{"type":"batch.created","batch_ref":"b","sku":"LAMP","qty":5,"eta":null}'
ORDER = b'{ "type":"order.placed", "order_id":"o", "lines":[{"sku":"LAMP","qty":2.0}] }'
ODD = b'{"neither":"order nor batch"}'


@pytest.fixture
def command(settings: Settings, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(given(settings), capsys)


@pytest.fixture
def producer(settings: Settings) -> Producer:
    return Producer({"bootstrap.servers": settings.kafka.bootstrap_servers, "linger.ms": 0})


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def all_of(command: CommandLine, topic: str, count: int) -> list[Any]:
    """Read so many records, in order of key."""
    done = command("consume", "--topic", topic, "--from-beginning", "--headers", "--count", str(count))
    assert done.code == 0
    return sorted(done.rows, key=lambda row: (row["key"] or "", row["partition"], row["offset"]))


def test_lines_of_a_file_arrive_as_they_are_under_their_keys(
    command: CommandLine, topics: Topics, tmp_path: Path
) -> None:
    file = tmp_path / "messages.jsonl"
    file.write_bytes(b"\n".join([BATCH, ORDER, ODD]))
    done = command("produce", str(file))
    assert done.code == 0
    assert done.rows[0] | {"seconds": 0, "per_second": 0} == {
        "topic": topics.input,
        "messages": 3,
        "seconds": 0,
        "per_second": 0,
    }
    assert [(row["key"], row["value"]) for row in all_of(command, topics.input, 3)] == [
        (None, json.loads(ODD)),
        ("b", json.loads(BATCH)),
        ("o", json.loads(ORDER)),
    ]
    raw = command("consume", "--topic", topics.input, "--from-beginning", "--timeout", "0.2").out.encode().splitlines()
    assert sorted(raw) == sorted([BATCH, ORDER, ODD])


def test_a_key_goes_to_the_partition_that_kafkas_own_clients_choose(
    command: CommandLine, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"order-{number}" for number in range(50)]
    piped(monkeypatch, b"".join(b'{"order_id":"%s"}\n' % name.encode() for name in ids))
    assert command("produce").code == 0
    chosen = {row["key"]: row["partition"] for row in all_of(command, topics.input, 50)}
    assert chosen == {name: (murmur2(name.encode()) & 0x7FFFFFFF) % 3 for name in ids}


def test_a_line_that_is_no_object_is_named_and_nothing_is_sent(
    command: CommandLine, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, ORDER + b"\n" + BATCH + b"\n[]\n" + ORDER)
    done = command("produce", "-")
    assert (done.code, done.out) == (2, "")
    assert done.err == "line 3: no JSON object: it is a list; nothing was sent\n"
    assert command("consume", "--topic", topics.input, "--from-beginning", "--timeout", "0.2").out == ""


def test_nothing_to_send_is_no_fault(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b"")
    assert command("produce").rows[0]["messages"] == 0


def test_a_message_that_no_topic_takes_is_told(
    command: CommandLine, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, json.dumps({"order_id": random.randbytes(1_000_000).hex()}).encode())
    done = command("produce")
    assert done.code == 3
    assert done.err.startswith(f"{topics.input} does not take a message: ")
    assert done.err.count("\n") == 1


def test_a_sample_has_batches_first_and_then_the_orders(command: CommandLine, topics: Topics) -> None:
    done = command("produce", "--sample", "20", "--seed", "1", "--wait", "0.1")
    assert "8 batches not announced in 0.1 s" in done.err
    assert done.rows[0]["messages"] == 28
    sent: dict[str, list[int]] = {"batch.created": [], "order.placed": []}
    for row in all_of(command, topics.input, 28):
        sent[row["value"]["type"]].append(row["timestamp"])
    assert max(sent["batch.created"]) <= min(sent["order.placed"])


def test_orders_of_a_sample_go_out_once_the_batches_are_announced(
    command: CommandLine, topics: Topics, producer: Producer
) -> None:
    with command.process("produce", "--sample", "3", "--wait", "20", stdout=subprocess.PIPE) as sample:
        for row in all_of(command, topics.input, 8):
            ref = row["value"]["batch_ref"]
            producer.produce(topics.output, json.dumps({"type": "batch.created", "batch_ref": ref}))
        producer.flush()
        out, _ = sample.communicate(timeout=15)
    assert json.loads(out)["messages"] == 11


def test_from_now_on_means_exactly_from_now_on(command: CommandLine, topics: Topics, producer: Producer) -> None:
    producer.produce(topics.output, b'"before"')
    producer.flush()
    with command.process("consume", "--count", "1", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as consume:
        assert consume.stderr is not None
        assert consume.stderr.readline() == f"reading {topics.output} from its end\n".encode()
        producer.produce(topics.output, b'"after"')
        producer.flush()
        assert consume.communicate(timeout=15)[0] == b'"after"\n'
    assert consume.returncode == 0


def test_what_is_not_committed_is_not_shown(command: CommandLine, settings: Settings, topics: Topics) -> None:
    transactional = Producer(
        {"bootstrap.servers": settings.kafka.bootstrap_servers, "transactional.id": f"cli-{topics.output}"}
    )
    transactional.init_transactions(30)
    transactional.begin_transaction()
    transactional.produce(topics.output, b'"aborted"', partition=0)
    transactional.flush(10)
    with command.process("consume", "--count", "1", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as consume:
        assert consume.stderr is not None
        consume.stderr.readline()
        transactional.abort_transaction(30)
        transactional.begin_transaction()
        transactional.produce(topics.output, b'"committed"', partition=0)
        transactional.commit_transaction(30)
        assert consume.communicate(timeout=15)[0] == b'"committed"\n'


def test_silence_before_the_count_is_exit_4(command: CommandLine, topics: Topics, producer: Producer) -> None:
    producer.produce(topics.output, b"1")
    producer.flush()
    wanting = command("consume", "--from-beginning", "--count", "2", "--timeout", "0.2")
    assert (wanting.code, wanting.out) == (4, "1\n")
    assert wanting.err.endswith("1 of 2 came\n")
    assert command("consume", "--from-beginning", "--count", "1", "--timeout", "0.2").code == 0
    assert command("consume", "--from-beginning", "--timeout", "0.2").code == 0


def test_odd_records_are_shown_safely(command: CommandLine, topics: Topics, producer: Producer) -> None:
    for value in (None, b"\xff{", b'{\n"a":1}'):
        producer.produce(topics.dead_letter, value, key=b"k", headers=[("dlq.reason", b"undecodable")])
    producer.flush()
    done = command("consume", "--topic", topics.dead_letter, "--from-beginning", "--headers", "--count", "3")
    assert [row["value"] for row in done.rows] == [None, "\\xff{", {"a": 1}]
    assert done.rows[0]["headers"] == {"dlq.reason": "undecodable"}


def test_a_topic_that_is_missing_is_one_line(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, ORDER)
    for done in (command("consume", "--topic", "nowhere"), command("produce", "--set", "kafka.input_topic=nowhere")):
        assert (done.code, done.out) == (3, "")
        assert done.err == "there is no topic nowhere; create what is missing: python-app-template topics create\n"


@pytest.mark.slow
def test_a_broker_that_is_away_is_one_line(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, ORDER)
    done = command("produce", "--set", "kafka.bootstrap_servers=127.0.0.1:1")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("Kafka at 127.0.0.1:1 does not answer; ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("asked", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_who_reads_on_is_asked_to_stop_and_leaves_no_trace(command: CommandLine, asked: signal.Signals) -> None:
    with command.process("consume", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as consume:
        assert consume.stderr is not None
        consume.stderr.readline()
        consume.send_signal(asked)
        assert consume.communicate(timeout=15) == (b"", b"")
    assert consume.returncode == 0


def test_a_reader_who_has_seen_enough_ends_it_quietly(command: CommandLine, topics: Topics, producer: Producer) -> None:
    for number in range(20_000):
        producer.produce(topics.output, b'{"filler":"%d"}' % number)
        producer.poll(0)
    producer.flush()
    with command.process("consume", "--from-beginning", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as consume:
        assert consume.stdout is not None
        assert consume.stderr is not None
        consume.stdout.readline()
        consume.stdout.close()
        assert consume.stderr.read().count(b"\n") == 1
        assert consume.wait(15) == 0
