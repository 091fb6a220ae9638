"""Contract, section 6: how the process begins, and with which code and words it refuses to."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from python_app_template.settings import load
from tests.clients import World, batch
from tests.e2e.conftest import Launch, assert_no_secret
from tests.forking.services import ForkedService, ForkServer
from tests.processes import ServiceProcess, wait_until
from tests.servers import Kafka, Postgres
from tests.surroundings import (
    Partitions,
    Topics,
    create_topics,
    migrate,
    new_database,
    new_topics,
    settings_for,
)

pytestmark = pytest.mark.servers

AT_ONCE = {"APP_PREFLIGHT__WAIT_SECONDS": "0"}
NOWHERE = load({"kafka.bootstrap_servers": "127.0.0.1:1"})
"""For who is to find out before it asks for servers."""


def refused(process: ServiceProcess) -> tuple[int, list[str]]:
    """Exit code, and what was written; never a traceback."""
    code = process.wait()
    assert "Traceback" not in process.log()
    return code, process.log().splitlines()


# Bad settings: exit 2, one line per fault


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"APP_HTTP__PORT": "70000"}, ["APP_HTTP__PORT"]),
        ({"APP_KAFKA__BOOTSTRAP_SERVERS": "no port"}, ["APP_KAFKA__BOOTSTRAP_SERVERS"]),
        ({"APP_DATABASE__URL": "mysql://u:hunter2@h/d"}, ["APP_DATABASE__URL"]),
        ({"APP_CONSUMER__BATCH_SIZE": "0"}, ["APP_CONSUMER__BATCH_SIZE"]),
        ({"APP_ROLES": "worker,baker"}, ["APP_ROLES"]),
        ({"APP_KAFKA__NO_SUCH_THING": "1"}, ["APP_KAFKA__NO_SUCH_THING"]),
        ({"APP_CONFIG_FILE": "/no/such/file.yaml"}, ["APP_CONFIG_FILE"]),
        (
            {"APP_LOG__LEVEL": "LOUD", "APP_ENVIRONMENT": "moon", "APP_KAFKA__OUTPUT_TOPIC": "a b"},
            ["APP_ENVIRONMENT", "APP_KAFKA__OUTPUT_TOPIC", "APP_LOG__LEVEL"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_settings_are_exit_2_and_one_line_per_fault(
    forks: ForkServer, tmp_path: Path, variables: dict[str, str], named: list[str]
) -> None:
    process = ForkedService(forks, NOWHERE, tmp_path, **variables)
    code, lines = refused(process.start())
    assert (code, len(lines)) == (2, len(named)), lines
    assert sorted(re.split("[ :]", line)[0] for line in lines) == named
    assert "hunter2" not in process.log()


def test_another_transactional_id_than_the_database_keeps_is_exit_2(launch: Launch) -> None:
    assert launch("first", APP_KAFKA__TRANSACTIONAL_ID="mine").until_ready().terminate() == 0
    assert launch("again", APP_KAFKA__TRANSACTIONAL_ID="mine").until_ready().terminate() == 0
    other = launch("other", APP_KAFKA__TRANSACTIONAL_ID="yours")
    code, _ = refused(other)
    (line,) = other.lines("settings.wrong")
    assert code == 2
    assert line["fault"].startswith("APP_KAFKA__TRANSACTIONAL_ID: ")
    assert "'mine'" in line["fault"]


# Preflight: exit 3, a line per check


def failing(process: ServiceProcess) -> dict[str, str]:
    """The checks that failed, with what was found and what to do."""
    code, _ = refused(process)
    found = process.lines("preflight")
    assert code == 3
    assert len({line["name"] for line in found}) == len(found) >= 4, "a line per check"
    assert all(line["remedy"] for line in found if not line["ok"])
    return {line["name"]: f"{line['found']}; {line['remedy']}" for line in found if not line["ok"]}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.slow
def test_no_broker_is_exit_3(launch: Launch) -> None:
    address = f"127.0.0.1:{closed_port()}"
    found = failing(launch(APP_KAFKA__BOOTSTRAP_SERVERS=address, **AT_ONCE))
    assert "APP_KAFKA__BOOTSTRAP_SERVERS" in found["broker"]
    assert not {"database", "schema"} & found.keys()


@pytest.mark.slow
def test_no_database_server_is_exit_3(launch: Launch) -> None:
    url = f"postgresql+asyncpg://postgres:hunter2@127.0.0.1:{closed_port()}/db"
    process = launch(APP_DATABASE__URL=url, **AT_ONCE)
    found = failing(process)
    assert "APP_DATABASE__URL" in found["database"]
    assert not {"broker", "topics"} & found.keys()
    assert "hunter2" not in process.log()


@pytest.mark.slow
def test_no_such_database_is_exit_3(launch: Launch, postgres: Postgres) -> None:
    assert (
        "does not exist" in failing(launch(APP_DATABASE__URL=postgres.url("no_such_database"), **AT_ONCE))["database"]
    )


def test_no_schema_is_exit_3(launch: Launch, empty_database: str) -> None:
    found = failing(launch(APP_DATABASE__URL=empty_database, **AT_ONCE))
    assert found == {"schema": "no schema; run `alembic upgrade head`"}


def test_an_older_schema_is_exit_3(launch: Launch, empty_database: str) -> None:
    migrate(empty_database, "0001")
    found = failing(launch(APP_DATABASE__URL=empty_database, **AT_ONCE))
    assert found.keys() == {"schema"}
    assert "revision 0001" in found["schema"]


def test_missing_topics_are_exit_3(launch: Launch) -> None:
    found = failing(launch(APP_KAFKA__INPUT_TOPIC="none-such", APP_KAFKA__OUTPUT_TOPIC="nor-such", **AT_ONCE))
    assert "none-such" in found["topics"]
    assert "nor-such" in found["topics"]
    assert "topics create" in found["topics"]


def test_another_partition_count_is_exit_3_without_waiting(launch: Launch, topics: Topics) -> None:
    found = failing(launch(APP_KAFKA__INPUT_PARTITIONS="4", APP_PREFLIGHT__WAIT_SECONDS="1000"))
    assert found.keys() == {"topics"}
    assert f"{topics.input} has 3 partitions instead of 4" in found["topics"]


def test_a_taken_port_is_exit_3_and_one_line(launch: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = launch(APP_HTTP__PORT=str(port))
        code, _ = refused(process)
    assert code == 3
    (line,) = process.lines("service.not_started")
    assert f"127.0.0.1:{port}" in line["error"]


# What is away is waited for


@pytest.fixture
def empty_database(postgres: Postgres) -> Iterator[str]:
    with new_database(postgres) as url:
        yield url


def test_a_service_that_starts_first_becomes_ready_once_schema_and_topics_are_there(
    kafka: Kafka, empty_database: str, tmp_path: Path
) -> None:
    with new_topics(kafka) as names:
        later = Topics(*(f"{name}-later" for name in names))
        settings = settings_for(kafka, empty_database, later)
        process = ServiceProcess(settings, tmp_path, APP_PREFLIGHT__WAIT_SECONDS="1000")
        try:
            process.start()
            wait_until(lambda: bool(process.lines("http.listening")), 60, process.explain)
            assert process.get("/health/live").status_code == 200
            assert process.get("/health/ready").status_code == 503
            assert "preflight" in process.failing()
            migrate(empty_database)
            create_topics(kafka, later)
            process.until_ready()
            World(settings).send(batch("b", "LATE"))
            assert len(World(settings).events_of("LATE", 1)) == 1
            assert process.terminate() == 0
        finally:
            process.close()
            World(settings).delete_topics(later)
        assert_no_secret(settings, process)


def test_a_signal_while_it_waits_is_exit_0(launch: Launch) -> None:
    process = launch(APP_KAFKA__INPUT_TOPIC="none-such", APP_PREFLIGHT__WAIT_SECONDS="1000")
    wait_until(lambda: bool(process.lines("preflight")), 60, process.explain)
    assert process.terminate() == 0


def test_the_partition_counts_are_settings(kafka: Kafka, database_url: str, tmp_path: Path, forks: ForkServer) -> None:
    with new_topics(kafka, Partitions(5, 2, 1)) as names:
        settings = settings_for(kafka, database_url, names)
        counts = {"INPUT": "5", "OUTPUT": "2", "DEAD_LETTER": "1"}
        process = ForkedService(
            forks, settings, tmp_path, **{f"APP_KAFKA__{name}_PARTITIONS": count for name, count in counts.items()}
        )
        world = World(settings)
        try:
            process.start()
            sent = world.send(*[batch(f"b{n}", f"b{n}") for n in range(20)], {"type": "odd", "order_id": "x"})
            assert {m.partition for m in sent} == {*range(5)}
            assert {e.partition for e in world.events(20)} == {0, 1}
            assert world.dead_letters(1)[0].partition == 0
            assert process.until_ready().terminate() == 0
        finally:
            process.close()
