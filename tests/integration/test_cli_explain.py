"""`explain` on real backends: all that is known of an order, in its order, and what is no longer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from python_app_template.settings import Settings
from tests.clients import World, batch, cancelled, order
from tests.command_line import CommandLine, Done, given, on_terminal
from tests.forking.services import ForkedService, ForkServer
from tests.processes import running, wait_until
from tests.servers import Kafka, Postgres
from tests.surroundings import new_database, new_topics, settings_for

pytestmark = pytest.mark.servers

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = [("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())]


class Story:
    """A service that has done its work and ended, and what it was sent."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.settings, self.world = settings, world

    @property
    def url(self) -> str:
        return self.settings.database.url.get_secret_value()


@pytest.fixture(scope="module")
def story(
    kafka: Kafka, postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory, forks: ForkServer
) -> Iterator[Story]:
    with new_database(postgres, template) as url, new_topics(kafka) as topics:
        settings = settings_for(kafka, url, topics)
        world = World(settings)
        service = ForkedService(
            forks,
            settings,
            tmp_path_factory.mktemp("explain"),
            APP_ROLES="worker,relay,notifier",
            APP_MAIL__DIGEST_SECONDS="0.1",
        )
        try:
            service.start().until_ready()
            world.send(batch("b", "CHAIR", 10))
            world.events_of("CHAIR", 1)
            send_all(world)
            world.events(1 + EVENTS)
            world.send(order("gone", ("CHAIR", 1)), partition=1)
            world.events(2 + EVENTS)
            world.dead_letters(2)
            wait_until(lambda: service.metric("app_digests_total", outcome="sent") >= 1)
            assert service.terminate() == 0, service.explain()
            yield Story(settings, world)
        finally:
            service.close()


EVENTS = 6


def send_all(world: World) -> None:
    """One that was allocated, ran out and was rejected, then cancelled; one that others were mixed up with."""
    told = order("order/1", ("CHAIR", 3), ("CHAIR", 50), ("NEVER", 1), customer_id="ann")
    world.send_records([(json.dumps(told).encode(), b"order/1", HEADERS)], 0)
    world.send(order("order/1", ("CHAIR", 4)), order("other", ("CHAIR", 1)), cancelled("order/1"), partition=0)
    escaped = json.dumps(order("bür\\o", ("CHAIR", 1))).encode()  # \u00fc and \\: not as we would write it
    world.send_raw(escaped, b"x", 0)
    world.send_raw(b"{", b"broken", 0)


@pytest.fixture
def command(story: Story, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(given(story.settings), capsys)


def of(done: Done, what: str) -> list[Any]:
    assert done.code == 0, done.err
    return [row for row in done.rows if row["what"] == what]


def unknown(done: Done) -> list[str]:
    return [row["detail"] for row in of(done, "unknown")]


def test_it_tells_all_that_happened_in_its_order(command: CommandLine) -> None:
    done = command("explain", "order/1")
    times = [row["at"] for row in done.rows if row["what"] in {"message", "event", "dead_letter"}]
    assert len(times) == 3 + 4 + 1
    assert times == sorted(times)
    placed, conflict, cancel = of(done, "message")
    assert (placed["type"], placed["state"], placed["events"], placed["trace_id"]) == (
        "order.placed",
        "applied",
        3,
        TRACE,
    )
    assert (conflict["state"], conflict["events"]) == ("dead_lettered", 0)
    assert conflict["refusal"].startswith("conflict: ")
    assert (cancel["type"], cancel["state"], cancel["events"], cancel["trace_id"]) == (
        "order.cancelled",
        "applied",
        1,
        None,
    )
    events = of(done, "event")
    assert [(event["type"], event["id"], event["line"]) for event in events] == [
        ("line.allocated", "CHAIR/2", 0),
        ("line.out_of_stock", "CHAIR/3", 1),
        ("line.rejected", "order/1/2/rejected", 2),
        ("line.deallocated", "CHAIR/5", 0),
    ]
    assert [event["trace_id"] for event in events] == [TRACE, TRACE, TRACE, None]
    assert all(event["published"] for event in events)
    assert events[1]["digest"]["state"] == "sent"
    (letter,) = of(done, "dead_letter")
    assert (letter["reason"], letter["returned"], letter["origin"]["offset"]) == ("conflict", False, conflict["offset"])


def test_it_tells_how_the_order_stands(command: CommandLine) -> None:
    done = command("explain", "order/1")
    (found,) = of(done, "order")
    assert (found["status"], found["customer_id"]) == ("cancelled", "ann")
    assert [(row["status"], row["version"], row["batch_ref"]) for row in of(done, "line")] == [
        ("deallocated", 5, None),
        ("out_of_stock", 3, None),
        ("rejected", 0, None),
    ]
    assert unknown(done) == ["the outbox numbers of what is published: a row is deleted once it is"]


def test_ids_are_found_however_they_are_written(command: CommandLine) -> None:
    done = command("explain", "bür\\o")
    assert [row["type"] for row in of(done, "message")] == ["order.placed"]
    assert [row["type"] for row in of(done, "event")] == ["line.allocated"]


def test_what_is_no_json_belongs_to_the_order_that_is_its_key(command: CommandLine) -> None:
    done = command("explain", "broken")
    assert [row["state"] for row in of(done, "message")] == ["dead_lettered"]
    assert [row["reason"] for row in of(done, "dead_letter")] == ["undecodable"]
    assert unknown(done) == ["how the order stands: no message that places it was applied"]


@pytest.mark.parametrize("order_id", ["order", "order/11", "b", "CHAIR", "öther"])
def test_an_order_that_nobody_knows_is_told_in_a_line(command: CommandLine, order_id: str) -> None:
    done = command("explain", order_id)
    assert (done.code, done.out) == (4, "")
    assert done.err == f"nothing is known of order {order_id!a}; all that is kept was searched\n"


@pytest.mark.parametrize("order_id", ["", "x" * 65, "a\nb"])
def test_what_can_be_no_id_is_refused(command: CommandLine, order_id: str) -> None:
    assert command("explain", order_id).code == 2


def test_what_was_not_searched_is_said(command: CommandLine) -> None:
    done = command("explain", "other", "--scan", "1")
    assert any("not searched; --scan takes more" in text for text in unknown(done))
    assert [row["status"] for row in of(done, "line")] == ["allocated"]
    missing = [text for text in unknown(done) if text.startswith("event CHAIR/")]
    assert not missing or "not in what was searched" in missing[0]


def test_what_waits_to_be_applied_or_published_is_shown_as_such(
    story: Story, command: CommandLine, tmp_path: Path, forks: ForkServer
) -> None:
    story.world.send(order("late", ("CHAIR", 1)), order("late", ("CHAIR", 2)), partition=0)
    assert [row["state"] for row in of(command("explain", "late"), "message")] == ["waiting", "waiting"]
    worker = ForkedService(forks, story.settings, tmp_path, APP_ROLES="worker")
    with running(worker):
        wait_until(lambda: worker.metric("app_messages_consumed_total") == 2)
    done = command("explain", "late")
    assert [row["state"] for row in of(done, "message")] == ["applied", "dead_lettered"]
    event, letter = sorted(of(done, "outbox"), key=lambda row: str(row["type"]), reverse=True)
    assert (event["type"], event["id"], event["published"]) == ("line.allocated", "CHAIR/8", False)
    assert (letter["type"], letter["reason"], letter["published"]) == ("dead_letter", "conflict", False)
    assert event["number"] > 0
    assert of(done, "event") == of(done, "dead_letter") == []
    assert unknown(done) == []


def test_what_retention_took_is_said(story: Story, command: CommandLine) -> None:
    story.world.delete_records({1: story.world.log_ends()[1]})
    done = command("explain", "gone")
    assert [row["id"] for row in of(done, "event")] == ["CHAIR/7"]
    assert of(done, "message") == []
    assert any(text.startswith("the order.placed message: no longer in raw-push") for text in unknown(done))


def test_it_is_a_table_on_a_terminal(story: Story) -> None:
    done = on_terminal(*given(story.settings), "explain", "other")
    assert done.code == 0
    assert "line.allocated" in done.out
    assert "{" not in done.out
