"""Where the tale is played: a message in, then exactly what has to come of it; and the rush of orders after it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import msgspec
from confluent_kafka import Message

from python_app_template.adapters.wire.events import Body, LineAllocated, LineOutOfStock, LineRejected
from python_app_template.cli.output import counting
from python_app_template.cli.reading import Reader, from_start, reading
from python_app_template.cli.running import Running
from python_app_template.cli.sending import Sender, sending
from python_app_template.cli.story.keys import keyed
from python_app_template.cli.story.samples import Samples, message
from python_app_template.cli.story.tale import Step, happened, told
from python_app_template.cli.story.telling import Rush, Teller
from python_app_template.settings import Settings

T = TypeVar("T")

_decode = msgspec.json.Decoder(Body).decode

PATIENCE_SECONDS = 20.0
"""How long what has to come may not come, until the demo gives up."""

LOOK_SECONDS = 0.05
DUPLICATES = "app_messages_duplicate_total"


class Ways(NamedTuple):
    """The way in, and both ways out."""

    sender: Sender
    events: Reader
    dead_letters: Reader


@contextmanager
def opened(settings: Settings) -> Iterator[Ways]:
    """Open them, on empty topics. Raises CommandFailed."""
    events, dead_letters = settings.kafka.output_topic, settings.kafka.dead_letter_topic
    with (
        sending(settings) as sender,
        reading(settings, events, from_start(settings, events)) as out,
        reading(settings, dead_letters, from_start(settings, dead_letters)) as dead,
    ):
        yield Ways(sender, out, dead)


class Stage:
    """A service, and the ways before it and behind it."""

    def __init__(self, service: Running, ways: Ways, tell: Teller) -> None:
        self.service, self._tell = service, tell
        self._sender, self._events, self._dead_letters = ways
        self._heard: list[Body] = []

    def play(self, step: Step) -> None:
        """Send a message, and tell what comes of it. Raises CommandFailed when that is not what has to come."""
        duplicates = self.service.metric(DUPLICATES)
        self._tell.sent(*told(step.message))
        self._sender.send(*keyed(step.value()))
        self._sender.flush()
        match step.outcome:
            case "events":
                self.hear(step.events)
            case "nothing":
                self._await(lambda: self.service.metric(DUPLICATES) > duplicates, f"{DUPLICATES} to count one")
                self._tell.nothing(f"no event: recognised as a duplicate, {DUPLICATES} counts it")
            case "dead_letter":
                (record, *_) = self._await(lambda: self._dead_letters.read(LOOK_SECONDS), "a dead letter")
                self._tell.dead_letter(_header(record, "dlq.reason"), _header(record, "dlq.detail"))

    def hear(self, count: int) -> None:
        """Tell of the next events, so many of them. Raises CommandFailed when they don't come."""
        for event in sorted(self._await_events(count), key=lambda event: event.sku):
            self._tell.came(str(event.__struct_config__.tag), happened(event), event.id)

    def rush(self, samples: Samples) -> Rush:
        """Send batches, then, once they are known, all orders at once; read until each line has its answer."""
        batches, orders = samples.batches(), list(samples.orders())
        for batch in batches:
            self._sender.send(*message(batch))
        self._await_events(len(batches))
        unanswered = {order.order_id: len(order.lines) for order in orders}
        lines = sum(unanswered.values())
        began = time.monotonic()
        with counting("orders") as bar:
            task = bar.add_task("through the service", total=samples.count)
            for order in orders:
                self._sender.send(*message(order))
            while unanswered:
                _answer(unanswered, self._read(f"the answers to {len(unanswered)} orders"))
                bar.update(task, completed=samples.count - len(unanswered))
        return Rush(samples.count, lines, time.monotonic() - began)

    def _await_events(self, count: int) -> Sequence[Body]:
        heard = len(self._heard)
        while len(self._heard) - heard < count:
            self._read(f"{count} events, and gave {len(self._heard) - heard}")
        return self._heard[heard:]

    def _read(self, what: str) -> Sequence[Body]:
        """Return the next events there are."""
        found = [_decoded(record) for record in self._await(lambda: self._events.read(LOOK_SECONDS), what)]
        self._heard += found
        return found

    def _await(self, look: Callable[[], T], what: str) -> T:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            self.service.check()
            if time.monotonic() > deadline:
                raise self.service.fault(f"had {PATIENCE_SECONDS:g} s for {what}")
        return found


def _answer(unanswered: dict[str, int], events: Sequence[Body]) -> None:
    for event in events:
        if isinstance(event, LineAllocated | LineOutOfStock | LineRejected) and event.order_id in unanswered:
            unanswered[event.order_id] -= 1
            if not unanswered[event.order_id]:
                del unanswered[event.order_id]


def _decoded(record: Message) -> Body:
    event: Body = _decode(record.value() or b"")
    return event


def _header(record: Message, name: str) -> str:
    value = dict(record.headers() or ()).get(name)
    return value.decode() if isinstance(value, bytes) else str(value)
