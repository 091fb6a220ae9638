"""What a process does about signals, beside what is seen from outside of it."""

import signal
from collections.abc import Iterator, MutableMapping
from typing import Any, NoReturn

import pytest
import structlog

from python_app_template.lifecycle import Stop, _end_at_once

NUMBERS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = [signal.getsignal(number) for number in NUMBERS]
    yield
    for number, handler in zip(NUMBERS, before, strict=True):
        signal.signal(number, handler)


async def test_whoever_reads_that_it_stops_may_send_the_second_signal() -> None:
    """Which comes before the log's line is out, and not after it: between the two it would be lost."""
    told: list[tuple[str, list[Any]]] = []

    def read(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> NoReturn:
        told.append((entry["event"], [signal.getsignal(number) for number in NUMBERS]))
        raise structlog.DropEvent

    stop = Stop.listening()
    with structlog.testing.capture_logs(processors=[read]):
        stop.on_signal(signal.SIGTERM)
    assert told == [("service.stopping", [_end_at_once, _end_at_once])]
    await stop.asked()
