"""The service over TLS: SCRAM-SHA-512 and mTLS let it in; a wrong password or certificate ends in one clear line."""

from pathlib import Path

import pytest

from python_app_template.settings import Settings
from tests.clients import World, batch, order
from tests.command_line import CommandLine
from tests.processes import ServiceProcess, running
from tests.security.kafka.conftest import transactional_id
from tests.security.kafka.guarded import KEY_PASSWORD, PASSWORD, Guarded, Rights, grants

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.usefixtures("granted")]


def process_with(settings: Settings, directory: Path, variables: dict[str, str], **more: str) -> ServiceProcess:
    own = {"APP_KAFKA__TRANSACTIONAL_ID": transactional_id(settings), "APP_PREFLIGHT__WAIT_SECONDS": "0"}
    return ServiceProcess(settings, directory, **own | variables | more)


@pytest.mark.parametrize("door", ["scram", "mutual"])
def test_orders_go_in_and_allocations_come_out(settings: Settings, guarded: Guarded, tmp_path: Path, door: str) -> None:
    world, process = World(settings), process_with(settings, tmp_path, getattr(guarded, door))
    with running(process):
        assert all(line["ok"] for line in process.lines("preflight"))
        bad = world.send_raw(b"{", b"bad")
        world.send(batch("b"))
        world.events(1)
        world.send(order("o", ("CHAIR", 3)))
        assert [event.body["type"] for event in world.events(2)] == ["batch.created", "line.allocated"]
        assert len(world.dead_letters_of([bad])) == 1
        assert process.terminate() == 0, process.explain()
    assert PASSWORD not in process.log()
    assert KEY_PASSWORD not in process.log()


def command_line(settings: Settings, variables: dict[str, str], capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The console script through a door."""
    kafka = settings.kafka
    given = {
        "kafka.group_id": kafka.group_id,
        "kafka.input_topic": kafka.input_topic,
        "kafka.output_topic": kafka.output_topic,
        "kafka.dead_letter_topic": kafka.dead_letter_topic,
        "kafka.positions_topic": kafka.positions_topic,
        "database.url": settings.database.url.get_secret_value(),
        "preflight.wait_seconds": "0",
        **{name.removeprefix("APP_").lower().replace("__", "."): value for name, value in variables.items()},
    }
    return CommandLine([f"--set={name}={value}" for name, value in given.items()], capsys)


@pytest.mark.parametrize("door", ["scram", "mutual"])
def test_the_commands_go_the_same_way(
    settings: Settings,
    guarded: Guarded,
    rights: Rights,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    door: str,
) -> None:
    name = settings.kafka.input_topic
    operator = [f"--operation Write --topic {name}", f"--operation Read --topic {settings.kafka.dead_letter_topic}"]
    rights.grant(grants(operator))
    command = command_line(settings, getattr(guarded, door), capsys)
    assert command("preflight").code == 0
    lines = tmp_path / "lines"
    lines.write_text('{"type":"order.cancelled","order_id":"o"}\n')
    assert command("produce", str(lines)).code == 0
    (row,) = command("consume", "--topic", name, "--from-beginning", "--count", "1", "--timeout", "10").rows
    assert row == {"type": "order.cancelled", "order_id": "o"}


WRONG = {
    "password": ({"APP_KAFKA__SASL_PASSWORD": "pl4nted-but-wrong"}, "invalid credentials"),
    "user": ({"APP_KAFKA__SASL_USERNAME": "nobody"}, "invalid credentials"),
    "mechanism": ({"APP_KAFKA__SASL_MECHANISM": "SCRAM-SHA-256"}, "SCRAM-SHA-512"),
    "authority": ({}, "certificate could not be verified"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_who_is_not_let_in_ends_in_preflight_with_a_line_that_says_why(
    settings: Settings, guarded: Guarded, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, said = WRONG[fault]
    if fault == "authority":
        wrong = {"APP_KAFKA__SSL_CA_LOCATION": str(guarded.stranger.authority)}
    done = command_line(settings, guarded.scram | wrong, capsys)("preflight", "--json")
    assert done.code == 3
    (broker,) = [row for row in done.rows if row["name"] == "broker"]
    assert broker["found"].startswith("Kafka does not let us in: ")
    assert said in broker["found"]
    assert broker["remedy"].startswith("correct the user, the password, the certificates")
    assert "\n" not in broker["found"]
    assert "pl4nted" not in done.out + done.err


def test_a_command_that_is_not_let_in_says_why_in_one_line(
    settings: Settings, guarded: Guarded, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = guarded.scram | {"APP_KAFKA__SASL_PASSWORD": "pl4nted-but-wrong"}
    done = command_line(settings, wrong, capsys)("consume", "--timeout", "1")
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert done.err.startswith("Kafka does not let us in: SASL authentication error")


def test_the_service_does_not_start_with_a_certificate_that_the_broker_does_not_know(
    settings: Settings, guarded: Guarded, tmp_path: Path
) -> None:
    theirs = {
        "APP_KAFKA__SSL_CERTIFICATE_LOCATION": str(guarded.stranger.certificate),
        "APP_KAFKA__SSL_KEY_LOCATION": str(guarded.stranger.key),
    }
    process = process_with(settings, tmp_path, guarded.mutual | theirs)
    try:
        assert process.start().wait() == 3, process.explain()
    finally:
        process.close()
    (broker,) = [line for line in process.lines("preflight") if line["name"] == "broker"]
    assert "certificate required" in broker["found"]
    assert len(process.log().splitlines()) < 60, "librdkafka's repetitions are not told"
    assert KEY_PASSWORD not in process.log()
