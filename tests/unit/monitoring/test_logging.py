import io
import json
import logging
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import pytest
import structlog

from python_app_template.monitoring.logging import CHATTY, configure

HIDDEN = "s3cr3t"
URL = f"postgresql+asyncpg://bob:{HIDDEN}@db/orders"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, levels = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in CHATTY}
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def configured(level: str = "INFO") -> io.StringIO:
    stream = io.StringIO()
    configure(level, "json", stream, service="orders")
    return stream


def test_numbers_stay_numbers() -> None:
    stream = configured()
    structlog.get_logger("a").info("x", i=1, f=0.5, b=True, n=None, several=(1, 2))
    (line,) = lines(stream)
    assert [line[name] for name in ("i", "f", "b", "n", "several")] == [1, 0.5, True, None, [1, 2]]


def test_a_line_is_an_object_with_time_level_and_logger() -> None:
    stream = configured()
    structlog.get_logger("some.where").info("batch.committed", messages=3)
    (line,) = lines(stream)
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() is not None
    assert line == {
        "event": "batch.committed",
        "messages": 3,
        "level": "info",
        "logger": "some.where",
        "service": "orders",
    }


def test_a_line_is_the_text_that_json_dumps_makes() -> None:
    stream = configured()
    structlog.get_logger("a").info("é", f=0.1, several=[{"a": None}], text='"\n', timestamp="not mine")
    assert stream.getvalue() == json.dumps(json.loads(stream.getvalue())) + "\n"
    assert [*lines(stream)[0]] == ["service", "f", "several", "text", "timestamp", "event", "logger", "level"]


def test_the_standard_librarys_logs_go_the_same_way() -> None:
    stream = configured()
    logging.getLogger("librdkafka").error("broker %s away", 1)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"], line["service"]) == (
        "broker 1 away",
        "error",
        "librdkafka",
        "orders",
    )


def test_warnings_go_the_same_way() -> None:
    stream = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    (line,) = lines(stream)
    assert line["logger"] == "py.warnings"
    assert "DeprecationWarning: old" in line["event"]


def test_less_than_the_level_is_left_out() -> None:
    stream = configured("WARNING")
    structlog.get_logger("a").info("x")
    logging.getLogger("b").info("x")
    assert lines(stream) == []


def test_statements_and_requests_are_not_logged_even_at_debug() -> None:
    stream = configured("DEBUG")
    for name in ("sqlalchemy.engine", "uvicorn.access"):
        logging.getLogger(name).info("INSERT")
    assert lines(stream) == []


def fail() -> None:
    password = HIDDEN
    raise ValueError(f"no answer from {URL} for {len(password)}")


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_is_whole_and_without_passwords_or_values(style: str) -> None:
    stream = io.StringIO()
    configure("INFO", "json" if style == "json" else "console", stream)
    try:
        fail()
    except ValueError:
        structlog.get_logger("a").exception("failed")
        logging.getLogger("b").exception("failed too")
    text = stream.getvalue()
    assert text.count("Traceback (most recent call last)") == 2
    assert text.count("no answer from postgresql+asyncpg://bob:***@db/orders") == 2
    assert HIDDEN not in text


@pytest.mark.parametrize(
    "event",
    [
        {"url": URL},
        {"password": HIDDEN},
        {"client": {"ssl.key.pem": HIDDEN, "sasl.password": HIDDEN}},
        {"given": [f"sasl.password={HIDDEN}", f'{{"sasl.password": "{HIDDEN}"}}']},
        {"error": ValueError(URL)},
        {"text": f"-----BEGIN PRIVATE KEY-----\n{HIDDEN}\n-----END PRIVATE KEY-----"},
        {"url": f"postgresql://bob:p@{HIDDEN}@db/x"},
    ],
)
def test_secrets_are_masked_wherever_they_stand(event: dict[str, object]) -> None:
    stream = configured()
    structlog.get_logger("a").info("x", **event)
    logging.getLogger("b").info("%s", event)
    assert len(lines(stream)) == 2
    assert HIDDEN not in stream.getvalue()
    assert "***" in stream.getvalue()


def test_what_is_bound_to_the_context_is_on_every_line() -> None:
    stream = configured()
    with structlog.contextvars.bound_contextvars(partition=2):
        structlog.get_logger("a").info("x")
    assert lines(stream)[0]["partition"] == 2


def test_values_that_json_does_not_know_are_written_as_text() -> None:
    stream = configured()
    structlog.get_logger("a").info("x", error=ValueError("no"))
    assert lines(stream)[0]["error"] == "no"


def test_a_line_that_can_not_be_written_ends_nobody_who_logs(capsys: pytest.CaptureFixture[str]) -> None:
    stream = configured()
    stream.close()
    structlog.get_logger("a").info("the.event")
    logging.getLogger("b").info("another")
    told = capsys.readouterr().err
    assert told.count("--- Logging error ---") == 2
    assert "the.event" in told


class Halting(io.StringIO):
    """Lets others go on in the middle of a line."""

    def write(self, text: str) -> int:
        half = len(text) // 2
        written = super().write(text[:half])
        time.sleep(0)
        return written + super().write(text[half:])


def test_lines_of_many_threads_stay_whole() -> None:
    stream = Halting()
    configure("INFO", "json", stream)
    say = [partial(structlog.get_logger("a").info, n="x" * 200), partial(logging.getLogger("b").info)]

    def talk(way: int) -> None:
        for _ in range(100):
            say[way % 2]("x")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(talk, range(4)))
    assert len(lines(stream)) == 400
