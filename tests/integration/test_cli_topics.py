"""`topics` and `topics create` on a real broker."""

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from python_app_template.settings import Settings
from tests.command_line import CommandLine, given, on_terminal
from tests.processes import wait_until
from tests.servers import Kafka
from tests.surroundings import Topics

pytestmark = pytest.mark.servers

NAMES = Topics("cli-in", "cli-out", "cli-in.dlq", "cli-out.positions")


@pytest.fixture
def command(kafka: Kafka, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """A command line that leads to topics which do not exist."""
    roles = ("input_topic", "output_topic", "dead_letter_topic", "positions_topic")
    options = [f"--set=kafka.{role}={name}" for role, name in zip(roles, NAMES, strict=True)]
    return CommandLine([f"--set=kafka.bootstrap_servers={kafka.bootstrap_servers}", *options], capsys)


@pytest.fixture
def admin(kafka: Kafka) -> Iterator[AdminClient]:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    yield admin
    for gone in admin.delete_topics(list(NAMES)).values():
        gone.exception(30)


def make(admin: AdminClient, name: str, partitions: int, **properties: str) -> None:
    config = {key.replace("_", "."): value for key, value in properties.items()}
    admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(30)


@pytest.mark.usefixtures("admin")
def test_what_is_missing_is_made_as_the_contract_says(command: CommandLine) -> None:
    missing = command("topics")
    assert missing.code == 0
    assert [(row["ok"], row["fault"].partition(";")[0]) for row in missing.rows] == [(False, "missing")] * 4
    made = command("topics", "create")
    assert (made.code, made.rows) == (0, [{"topic": name, "created": True} for name in NAMES])
    found = {row["topic"]: row for row in command("topics").rows}
    assert all(row["ok"] for row in found.values())
    assert [found[name]["partitions"] for name in NAMES] == [3, 3, 3, 1]
    assert found["cli-out.positions"]["cleanup_policy"] == "compact"
    assert found["cli-in.dlq"]["max_message_bytes"] >= found["cli-in"]["max_message_bytes"] + 65_536


def test_what_exists_is_not_changed_and_told_against_the_settings(command: CommandLine, admin: AdminClient) -> None:
    make(admin, "cli-in", 2)
    make(admin, "cli-in.dlq", 3)
    make(admin, "cli-out.positions", 1, cleanup_policy="delete")
    wait_until(lambda: sum(bool(row["id"]) for row in command("topics").rows) == 3)
    before = command("topics").rows
    made = command("topics", "create").rows
    assert [row["topic"] for row in made if row["created"]] == ["cli-out"]
    after = command("topics", "--set", "kafka.replication_factor=3").rows
    unchanged = ("topic", "partitions", "replication_factor", "max_message_bytes", "cleanup_policy", "id")
    kept = [[row[name] for name in unchanged] for row in before if row["id"]]
    assert kept == [[row[name] for name in unchanged] for row in after if row["topic"] != "cli-out"]
    faults = {row["topic"]: row["fault"] for row in after}
    assert faults["cli-in"].startswith("2 partitions, 3 in the settings; ")
    assert "set its max.message.bytes to " in faults["cli-in.dlq"]
    assert "set its cleanup.policy to compact" in faults["cli-out.positions"]
    assert all("1 replicas, 3 in the settings" in fault for fault in faults.values())


def test_a_broker_that_is_away_is_one_line_and_exit_3(command: CommandLine) -> None:
    done = command("topics", "create", "--set", "kafka.bootstrap_servers=127.0.0.1:1")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("Kafka at 127.0.0.1:1 does not answer; ")
    assert done.err.count("\n") == 1


def test_a_person_sees_the_topics_in_a_table(command: CommandLine, admin: AdminClient) -> None:
    make(admin, "cli-out.positions", 1, cleanup_policy="compact")
    lines = [" ".join(line.split()) for line in on_terminal(*command.options, "topics").out.splitlines()]
    assert "Topic Partitions Replicas Largest Cleanup Id" in lines
    assert "cli-in - - - - -" in lines
    assert any(line.startswith("cli-out.positions 1 1 ") for line in lines)
    assert "✓ cli-out.positions" in lines
    assert any(line.startswith("✗ cli-in: missing; ") for line in lines)


# preflight


def test_preflight_passes_where_all_is_well(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    done = CommandLine(given(settings), capsys)("preflight")
    assert done.code == 0
    assert all(row["ok"] and not row["remedy"] for row in done.rows)
    assert done.rows[0]["name"] == "settings"


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("kafka.input_topic=nowhere", "topics"),
        ("kafka.output_partitions=7", "topics"),
        ("kafka.bootstrap_servers=127.0.0.1:1", "broker"),
        ("database.url=postgresql+asyncpg://me@127.0.0.1:1/nothing", "database"),
    ],
)
def test_preflight_says_what_is_wanting_and_what_to_do(
    settings: Settings, capsys: pytest.CaptureFixture[str], fault: str, check: str
) -> None:
    done = CommandLine(given(settings), capsys)("preflight", "--set", fault)
    assert done.code == 3
    wanting = {row["name"]: row for row in done.rows if not row["ok"]}
    assert check in wanting
    assert wanting[check]["found"]
    assert wanting[check]["remedy"]
    assert done.err == ""
