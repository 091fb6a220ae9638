"""Messages to the input topic, for people who wait for the acknowledgement: no thread, one timer for all of them."""

import asyncio
import threading
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_errors import fault
from python_app_template.core.delivery.commands import Place
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.commands import MessageLog, Outgoing
from python_app_template.settings import Settings

POLL_SECONDS = 0.002
"""Between two looks at what was acknowledged, while something is to be: a report costs less than a thread's switch."""

GIVE_UP_SECONDS = 4.0
"""After so long without an acknowledgement a message is given up, and all that wait beside it."""

log = structlog.get_logger(__name__)


class KafkaMessageLog(MessageLog):
    """One producer of an event loop. A fatal error or a broker's silence ends it; the next message gets a new one."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._topic = settings, settings.kafka.input_topic
        self._producer: Producer | None = None
        self._answers: dict[asyncio.Future[Place], float] = {}
        """Since when they are waited for, the oldest first."""
        self._timer: asyncio.TimerHandle | None = None
        self._drained = asyncio.Event()

    async def append(self, message: Outgoing) -> Place:
        """As the port says."""
        if self._drained.is_set():
            raise TransientError("the service is stopping", code="STOPPING")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Place] = loop.create_future()
        self._produce(message, answer)
        self._answers[answer] = loop.time()
        if self._timer is None:
            self._poll()
        return await answer

    def drain(self) -> None:
        """Take nothing more in; `run` ends when what was is answered."""
        self._drained.set()

    async def run(self) -> None:
        """Live until drained, and until nobody waits for an acknowledgement any more."""
        await self._drained.wait()
        while self._answers:  # noqa: ASYNC110 - the timer that hears of them is as frequent
            await asyncio.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Throw the producer away; whoever still waits will never know."""
        self._renew("the producer was closed", "CLOSED")
        if self._timer is not None:
            self._timer.cancel()

    def _produce(self, message: Outgoing, answer: "asyncio.Future[Place]") -> None:
        report = partial(self._report, answer)
        headers: list[tuple[str, str | bytes | None]] = list(message.headers)
        try:
            producer = self._producer = self._producer or self._open()
            producer.produce(self._topic, message.value, message.key, headers=headers, on_delivery=report)
        except BufferError:
            raise TransientError("Kafka: the producer's queue is full", code="QUEUE_FULL") from None
        except KafkaException as e:
            self._end_if_fatal(e.args[0])
            raise _passing(e.args[0]) from e

    def _open(self) -> Producer:
        return Producer(kafka_client.sender(self._settings), logger=kafka_client.LOGGER)

    def _poll(self) -> None:
        """Hear what was acknowledged, again and again until all is."""
        if self._producer is not None:
            self._producer.poll(0)
        loop = asyncio.get_running_loop()
        if loop.time() - next(iter(self._answers.values()), loop.time()) > GIVE_UP_SECONDS:
            self._renew(f"no answer within {GIVE_UP_SECONDS:g} s", "TIMED_OUT")
        self._timer = loop.call_later(POLL_SECONDS, self._poll) if self._answers else None

    def _report(self, answer: "asyncio.Future[Place]", error: KafkaError | None, message: Message) -> None:
        self._answers.pop(answer, None)
        if error is not None:
            self._end_if_fatal(error)
        if answer.done():  # whoever asked has gone
            return
        if error is None:
            answer.set_result(Place(message.partition() or 0, message.offset() or 0))
        else:
            answer.set_exception(_passing(error))

    def _end_if_fatal(self, error: KafkaError) -> None:
        if error.fatal():
            log.warning("producer.renewed", error=error.str(), code=error.name())
            # not from within its own callback
            asyncio.get_running_loop().call_soon(self._renew, "the producer was closed", "CLOSED")

    def _renew(self, why: str, code: str) -> None:
        """Tell those who wait, and drop it; to end it may take long, so a thread does that."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(TransientError(f"Kafka: {why}", code=code))
        self._answers.clear()
        producer.purge()
        producer.poll(0)
        last = [producer]
        del producer
        threading.Thread(target=last.clear, name="message-log-end", daemon=True).start()


def _passing(error: KafkaError) -> TransientError:
    found = fault(error)
    return found if isinstance(found, TransientError) else TransientError(str(found), code=error.name().lstrip("_"))
