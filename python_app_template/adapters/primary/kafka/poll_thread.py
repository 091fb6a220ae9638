"""The thread that polls the consumer for ever, and alone touches it: what happens is told, orders are carried out.

Callbacks only note: an exception in one of them would destroy the messages that are just being fetched.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from python_app_template.adapters.kafka_client import LOGGER, Properties
from python_app_template.adapters.kafka_errors import kafka_errors
from python_app_template.adapters.primary.kafka.delivery import Delivery
from python_app_template.adapters.primary.kafka.fetching import Fetching, Stuck
from python_app_template.adapters.primary.kafka.gathering import Bounds, Decode
from python_app_template.adapters.primary.kafka.lanes import Lanes, Run
from python_app_template.adapters.primary.kafka.membership import STATISTICS_MS, Membership
from python_app_template.adapters.primary.kafka.troubles import Troubles
from python_app_template.core.delivery.faults import FatalError
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.signals import Assigned, Fetched, Revoked

C = TypeVar("C")

PATIENCE = 0.05
"""Seconds to wait for a message; an order waits as long at most."""

SHORT_PATIENCE = 0.01
"""Likewise, while an order is expected because something waits for its start."""

MORE_SECONDS, PART_WAITED = 0.002, 0.5
"""Between two looks for what else goes into the batch that waits: it would wait for two batches otherwise, not one.

A look takes a quarter of a millisecond from those that decide, so they are rarer when the batch before takes longer.
"""

COMMIT_SECONDS = 1.0


class Order(NamedTuple):
    """What is to be done with a partition; should it fail, it is done again."""

    partition: Partition
    carry_out: Callable[[], None]


Event: TypeAlias = Delivery[C] | Assigned | Revoked | Stuck | Exception | None
"""What the thread tells: signals, a partition to be examined, why it ended, or (None) that it fetches no more."""

NewConsumer: TypeAlias = Callable[[Properties], Consumer]


def new_consumer(properties: Properties) -> Consumer:
    """Make librdkafka's; what it logs is ours."""
    with kafka_errors():
        return Consumer(properties, logger=LOGGER)


class PollThread(Generic[C]):
    """One member of the group. `tell` is called on this thread; public methods may be called on any."""

    def __init__(
        self,
        properties: Properties,
        topic: str,
        decode: Decode[C],
        bounds: Bounds,
        tell: Callable[[Event[C]], None],
        new_consumer: NewConsumer,
        room_seconds: float,
    ) -> None:
        self._topic, self._tell = topic, tell
        self._new_consumer, self._room_seconds = new_consumer, room_seconds
        self._orders: deque[Order] = deque()
        self._room, self._wake = threading.Event(), threading.Event()
        self._room.set()
        self._full_since: float | None = None
        self._draining = self._drained = self._closing = self._renewing = False
        self._settled: dict[Partition, int] = {}
        self._committed_at = self.turned_at = time.monotonic()
        self._fault: Exception | None = None
        self.troubles, self.membership = Troubles(), Membership()
        callbacks = {"error_cb": self._note, "on_commit": self._on_commit, "stats_cb": self._on_statistics}
        self._properties = properties | callbacks | {"statistics.interval.ms": STATISTICS_MS}
        self._consumer = self._new_consumer(self._properties)
        self.lanes = Lanes(self._consumer)
        self._fetching = Fetching(self._consumer, self.lanes, decode, bounds, self._note, tell)
        self._thread = threading.Thread(target=self._run, name="kafka-poll", daemon=True)

    def begin(self) -> None:
        """Join the group and poll."""
        self._thread.start()

    def start(self, partition: Partition, run: Run, offset: int) -> None:
        """Deliver from this offset on, as this run."""
        self._order(partition, partial(self._start, partition, run, offset))

    def stop(self, partition: Partition, assignment: int) -> None:
        """Deliver no more of it."""
        self._order(partition, partial(self._stop, partition, assignment))

    def settle(self, ends: Mapping[Partition, int]) -> None:
        """Take in what is consumed; it is committed now and then."""
        for partition, end in ends.items():
            self._order(partition, partial(self._settle, partition, end))

    def make_room(self) -> None:
        """Fetch another batch: the last was handed out."""
        self._room.set()
        self._wake.set()

    def renew(self) -> None:
        """Leave, and join with another client: what is held is lost first, as in any rebalance."""
        self.membership = Membership()
        self._renewing = True
        self._wake.set()

    def drain(self) -> None:
        """Fetch no more, then tell None; the membership goes on."""
        self._draining = True
        self._wake.set()

    def close(self, seconds: float) -> bool:
        """Commit, leave the group, end; whether that was done in time."""
        self._closing = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _order(self, partition: Partition, carry_out: Callable[[], None]) -> None:
        self._orders.append(Order(partition, carry_out))
        self._wake.set()

    def _run(self) -> None:
        try:
            self._join()
            while not self._closing:
                self._turn()
        except Exception as e:  # noqa: BLE001 - nobody waits for a thread: it is told, and raised where it is seen
            self._tell(e)
        self._leave()

    def _join(self) -> None:
        with kafka_errors():
            self._consumer.subscribe([self._topic], self._on_assign, self._on_revoke, self._on_revoke)

    def _renew(self) -> None:
        """The old client goes first: two members of one process would share the partitions out between them."""
        with suppress(KafkaException):
            self._consumer.close()  # calls back for what it holds
        self._consumer = self._new_consumer(self._properties)
        self._fetching.renew(self._consumer)
        left = self.lanes.renew(self._consumer)
        if left.partitions:
            self._tell(left)
        self._join()
        self._renewing = False

    def _leave(self) -> None:
        with suppress(KafkaException):
            self._carry_out_orders()
            self._commit()
            self._consumer.close()  # waits for what was committed

    def _turn(self) -> None:
        self.turned_at = time.monotonic()
        if self._fault is not None:
            raise self._fault
        self.troubles.log()
        if self._renewing:
            self._renew()
        self._carry_out_orders()
        if self.turned_at - self._committed_at >= COMMIT_SECONDS:
            self._committed_at = self.turned_at
            self._try_to_commit()
        if self._draining:
            self._rest()
        elif self._room.is_set():
            self._fetch()
        else:
            self._wait_for_room()

    def _fetch(self) -> None:
        self._full_since = None
        if self.lanes.pressed:
            self._fetching.resumed(self.lanes.relieve())
        patience = PATIENCE if all(lane.delivers for lane in self.lanes) else SHORT_PATIENCE
        fetched = self._fetching.fetch(patience)
        if fetched is not None and fetched.messages:  # an end alone takes nobody's place
            self._room.clear()
        self._deliver(fetched, begins=True)

    def _deliver(self, fetched: Fetched[C] | None, *, begins: bool) -> None:
        if fetched is not None:
            self.troubles.over()
            self._tell(Delivery(fetched, {lane.partition: lane.run for lane in self.lanes}, begins))

    def _wait_for_room(self) -> None:
        """Wait for a while, adding what comes; then pause, and poll for the membership's sake."""
        self._full_since = self._full_since or time.monotonic()
        waited = time.monotonic() - self._full_since
        left = self._room_seconds - waited
        if self.lanes.pressed:
            self._fetching.serve(PATIENCE)
        elif left <= 0:
            self.lanes.press()
        elif self._wake.wait(left if self._fetching.full else min(left, max(MORE_SECONDS, PART_WAITED * waited))):
            self._wake.clear()
        elif not self._fetching.full:
            self._deliver(self._fetching.more(), begins=False)

    def _rest(self) -> None:
        if not self._drained:
            self._drained = True
            self.lanes.press()
            self._tell(None)
        self._fetching.serve(PATIENCE)

    def _carry_out_orders(self) -> None:
        """Do what can be done; what fails is for the next turn, and so are the partition's other orders."""
        failed: list[Order] = []
        while self._orders:
            order = self._orders.popleft()
            try:
                if order.partition in {f.partition for f in failed}:
                    failed.append(order)
                else:
                    order.carry_out()
            except KafkaException as e:
                self._note(e.args[0])
                failed.append(order)
        self._orders.extendleft(reversed(failed))

    def _start(self, partition: Partition, run: Run, offset: int) -> None:
        if lane := self.lanes.held(partition, run.assignment):
            self._fetching.forget(partition)
            self.lanes.start(lane, offset)
            lane.started = run.number
            self._settled[partition] = offset

    def _stop(self, partition: Partition, assignment: int) -> None:
        if lane := self.lanes.held(partition, assignment):
            self._fetching.forget(partition)
            self.lanes.stop(lane)

    def _settle(self, partition: Partition, end: int) -> None:
        if lane := self.lanes.get(partition.number):
            lane.progress.settle(end)
            self._settled[partition] = end

    def _try_to_commit(self) -> None:
        try:
            self._commit()
        except KafkaException as e:
            self._note(e.args[0])

    def _commit(self) -> None:
        ours = [p for p in self._settled if self.lanes.get(p.number)]
        offsets = [TopicPartition(*p, self._settled[p]) for p in ours]
        self._settled = {}
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def _on_assign(self, _consumer: Consumer, given: list[TopicPartition]) -> None:
        if given:
            self.troubles.over()  # before it is told: who hears of it may look
        self._signal(lambda: self.lanes.assign(given))

    def _on_revoke(self, _consumer: Consumer, taken: list[TopicPartition]) -> None:
        self._signal(lambda: self.lanes.revoke(taken))

    def _signal(self, change: Callable[[], Assigned | Revoked]) -> None:
        try:
            signal = change()
            if signal.partitions:
                self._tell(signal)
        except Exception as e:  # noqa: BLE001 - raised in the next turn: not in a callback
            self._fault = e

    def _on_statistics(self, statistics: str) -> None:
        self.membership.note(statistics, time.monotonic())

    def _on_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """Say again with the next commit what was refused, as in a rebalance: no other message may ever come."""
        if error is not None:
            self._note(error)
        for lane in [self.lanes.get(tp.partition) for tp in offsets if error or tp.error]:
            if lane is not None and lane.progress.settled is not None:
                self._settled[lane.partition] = lane.progress.settled

    def _note(self, error: KafkaError) -> None:
        if error.fatal():
            self._fault = FatalError(f"Kafka: {error.str()}")
        self.troubles.note(error)
