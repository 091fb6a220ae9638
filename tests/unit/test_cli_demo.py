"""What the demo says, and what a person sees while its servers start."""

import json
import threading
from datetime import date
from typing import Any

import pytest

from python_app_template.adapters.wire import events, messages
from python_app_template.adapters.wire.events import Cause
from python_app_template.adapters.wire.messages import BODIES, Line
from python_app_template.audit.checker import examine
from python_app_template.cli.backends import export, until_interrupted
from python_app_template.cli.faults import CommandFailed
from python_app_template.cli.servers import Starting
from python_app_template.cli.story.books import Books
from python_app_template.cli.story.tale import chapters, happened, told
from python_app_template.cli.story.telling import Rush, Teller
from python_app_template.embedded import Backends, EmbeddedKafka, EmbeddedPostgres
from python_app_template.exit_codes import ExitCode
from tests.clients import batch, order
from tests.unit.audit.evidence import clean, of_bodies, with_events

TODAY = date(2026, 11, 21)
COMMON = ("LAMP/1", "LAMP", 1, "2026-11-21T20:00:00.000000Z", Cause("raw-push", 0, 1))


def test_the_tale_has_every_type_of_message_and_every_end() -> None:
    steps = [step for chapter in chapters(TODAY) for step in chapter.steps]
    assert {told(step.message)[0] for step in steps} == set(BODIES)
    assert {step.outcome for step in steps} == {"events", "nothing", "dead_letter"}
    assert all(step.value().startswith(b'{"type":"') for step in steps)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (events.BatchCreated(*COMMON, "b", 5, None), "b: 5 LAMP, in the warehouse"),
        (events.BatchCreated(*COMMON, "b", 5, TODAY), "b: 5 LAMP, on a ship, due 2026-11-21"),
        (events.BatchQuantityChanged(*COMMON, "b", 5), "b: 5 LAMP from now on"),
        (events.LineAllocated(*COMMON, "o", 0, 2, "b", None), "o: 2 LAMP from b"),
        (events.LineAllocated(*COMMON, "o", 0, 2, "b", TODAY), "o: 2 LAMP from b, due 2026-11-21"),
        (events.LineDeallocated(*COMMON, "o", 0, 2, "b", "order_cancelled"), "o: 2 LAMP off b, order cancelled"),
        (events.LineOutOfStock(*COMMON, "o", 0, 2), "o: 2 LAMP, which no batch has"),
        (events.LineRejected(*COMMON, "o", 0, 2, "unknown_sku"), "o: 2 LAMP, which nobody knows"),
    ],
)
def test_events_read_as_plain_words(event: events.Body, words: str) -> None:
    assert happened(event) == words


def test_messages_read_as_plain_words() -> None:
    order = messages.OrderPlaced("o", [Line("LAMP", 2), Line("DESK", 1)])
    assert told(order) == ("order.placed", "o: 2 LAMP, 1 DESK")


def story(tell: Teller) -> None:
    tell.title()
    tell.chapter("Orders")
    tell.done("ready", 1.25)
    tell.sent("order.placed", "o: 2 LAMP")
    tell.came("line.allocated", "o: 2 LAMP from [b]", "LAMP/2")
    tell.answered("202 applied", "o: 2 LAMP")
    tell.nothing("no event")
    tell.dead_letter("invalid", "$.lines[0].qty: wrong")
    tell.rate(Rush(1000, 1500, 0.5))
    made = clean(of_bodies(batch("b", "LAMP", 6), order("o", ("LAMP", 1))))
    books = Books(examine(with_events(made, lambda found: found.append(found.pop(0)._replace(headers=())))))
    tell.stock(books, ["LAMP"])
    tell.check(books)
    tell.commands(["export A=b"], [("health", "curl /health")], http="http://h")
    tell.end()


def test_a_program_is_told_the_story_as_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    story(Teller(as_json=True))
    rows: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = ["chapter", "done", "sent", "event", "answer", "nothing", "dead_letter", "done", "rate", "stock"]
    assert [row.pop("kind") for row in rows] == [*kinds, "violation", "check", "running", "end"]
    assert rows[3] == {"type": "line.allocated", "text": "o: 2 LAMP from [b]", "id": "LAMP/2"}
    assert rows[8] == {"orders": 1000, "lines": 1500, "seconds": 0.5, "per_second": 2000}
    assert rows[11] == {"events": 2, "violations": 1}


def test_a_person_is_told_it_in_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    story(Teller(as_json=False))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "1. Orders",
        "✓ ready 1.2 s",
        "→ order.placed o: 2 LAMP",
        "← line.allocated o: 2 LAMP from [b] LAMP/2",
        "← 202 applied o: 2 LAMP",
        "← dead letter invalid: $.lines[0].qty: wrong",
        "✓ 2,000 orders per second",
        "LAMP b warehouse 6 1 5",
        "✗ envelope: LAMP/1: its headers are {}",
        "export A=b",
        "curl /health",
    ):
        assert line in lines


def test_where_no_terminal_is_a_download_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    starting = Starting(threading.Event())
    for done in (0, 10_000_000, 43_000_000):
        starting.progress("Apache Kafka", done, 43_000_000)
    starting.progress("Java class cache", 0, 1)
    starting.progress("Java class cache", 1, 1)
    told_of = capsys.readouterr().err.splitlines()
    assert told_of == ["downloading Apache Kafka (0 of 43 MB)", "preparing: Java class cache (once)"]


def test_ctrl_c_ends_a_download() -> None:
    interrupted = threading.Event()
    interrupted.set()
    with pytest.raises(KeyboardInterrupt):
        Starting(interrupted).progress("Apache Kafka", 1, 2)


def test_backends_that_end_by_themselves_are_told() -> None:
    with pytest.raises(CommandFailed, match="Kafka has ended by itself") as caught:
        until_interrupted(Backends(EmbeddedKafka(), EmbeddedPostgres()))
    assert caught.value.code == ExitCode.ERROR


def test_exports_are_fit_for_a_shell() -> None:
    assert export("APP_DATABASE__URL", "postgresql://a:b&c@d") == "export APP_DATABASE__URL='postgresql://a:b&c@d'"
