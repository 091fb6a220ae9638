"""Dead letters that are replayed are messages again: applied once mended, dead letters again if not."""

import pytest

from python_app_template.settings import Settings
from tests.clients import Received, World, batch, order, reason_of
from tests.command_line import CommandLine, given
from tests.e2e.accounting import Told, violations
from tests.e2e.conftest import Launch
from tests.e2e.test_poison import RAISE, UNINSTALL, poison, stream
from tests.processes import wait_until
from tests.sql import run_sql

pytestmark = pytest.mark.servers


@pytest.fixture
def dlq(settings: Settings, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine([*given(settings), "dlq"], capsys)


def returned(world: World) -> list[Received]:
    """The messages that came back."""
    there = world.read_to_end(world.kafka.input_topic)
    return [message for message in there if "dlq.returned-from" in message.headers]


def test_a_poisoned_message_is_applied_once_mended_and_replayed_and_its_neighbours_are_untouched(
    launch: Launch, world: World, settings: Settings, dlq: CommandLine
) -> None:
    poison(settings, RAISE)
    stream(world, 30, {7, 20})
    service = launch()
    assert [reason_of(letter) for letter in world.dead_letters(2)] == ["failed"] * 2
    before = world.events(1 + 2 * 28)
    run_sql(settings.database.url.get_secret_value(), UNINSTALL)
    assert dlq("replay", "--reason", "failed").err.startswith("2 sent to ")
    assert "2 returned before" in dlq("replay", "--reason", "failed").err
    events = world.events(1 + 2 * 30)
    new = [e.body for e in events if e not in before]
    assert len(new) == 4, "nothing that was published before is gone"
    assert {(e["order_id"], e["type"]) for e in new} == {
        (f"poison-{n}", kind) for n in (7, 20) for kind in ("line.allocated", "line.rejected")
    }
    wait_until(lambda: service.metric("app_messages_consumed_total") == 33, 60, service.explain)
    assert len(world.all_dead_letters()) == 2
    mended = [m for m in world.sent if (m.key or b"") not in {b"poison-7", b"poison-20"}]
    assert violations(Told([*mended, *returned(world)], world.all_events(), [])) == []
    assert service.until_ready().terminate() == 0


def test_one_that_stays_wrong_is_a_dead_letter_again_each_time_until_the_cap(
    launch: Launch, world: World, dlq: CommandLine
) -> None:
    world.send(batch("b"), order("o", ("CHAIR", 0)))
    service = launch()
    world.dead_letters(1)
    for attempts in range(1, 4):
        assert dlq("replay").err.startswith("1 sent to "), attempts
        letters = world.dead_letters(attempts + 1)
        last = max(letters, key=lambda letter: letter.offset)
        assert last.headers["dlq.attempts"] == b"%d" % attempts
        assert (reason_of(last), last.key) == ("invalid", b"o")
        assert "dlq.returned-from" not in last.headers
    done = dlq("replay")
    assert [(row["outcome"], row["attempts"]) for row in done.rows] == [("returned too often", 3)]
    assert "0 sent" in done.err
    assert len(returned(world)) == 3
    assert service.until_ready().terminate() == 0
