"""Every metric of the contract but the domain's own, and the calls that move them: once per batch, not per message."""

from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from python_app_template.core.delivery.messages import Frame, Message
from python_app_template.core.delivery.outcomes import Outcome
from python_app_template.monitoring.distribution import Distribution

BATCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
DURATIONS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LATENCIES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

topic_and_type = attrgetter("record.partition.topic", "type")
topic_and_reason = attrgetter("record.partition.topic", "why.reason")
timestamp = attrgetter("record.timestamp")
kind_of_frame = attrgetter("topic", "type")


class Metrics:
    """The contract's metrics in a registry of their own, with those of process, platform and garbage collector.

    Counters move when the commit, or the broker's acknowledgement, is known. Called from the event loop alone.
    """

    def __init__(self, version: str, environment: str) -> None:
        # They double every counter by a series that the contract does not name.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's gap
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._count_messages()
        self._time_batches()
        self._gauge_state()
        info = Gauge(
            "app_info", "Always 1; which version runs where.", ["version", "environment"], registry=self.registry
        )
        info.labels(version, environment).set(1)

    def _count_messages(self) -> None:
        self._consumed = self._counter(
            "app_messages_consumed", "Messages whose effects are committed.", "topic", "type"
        )
        self._duplicate = self._counter(
            "app_messages_duplicate", "Consumed messages that had been applied before.", "topic", "type"
        )
        self._dead_lettered = self._counter(
            "app_messages_dead_lettered", "Consumed messages that became dead letters.", "topic", "reason"
        )
        self._published = self._counter(
            "app_events_published", "Events that the broker holds for good.", "topic", "type"
        )
        self._retries = self._counter("app_retries", "Operations that are tried again.", "operation", "error")

    def _time_batches(self) -> None:
        self._batch_messages = Histogram(
            "app_batch_messages", "Messages in a batch.", buckets=BATCHES, registry=self.registry
        )
        self._batch_duration = Histogram(
            "app_batch_duration_seconds",
            "Seconds that a batch took in each stage.",
            ["stage"],
            buckets=DURATIONS,
            registry=self.registry,
        )
        self._commit_latency = Distribution(
            "app_commit_latency_seconds",
            "Seconds from a record's timestamp to the commit of its effects in the database.",
            LATENCIES,
            self.registry,
        )
        self._publish_latency = Distribution(
            "app_publish_latency_seconds",
            "Seconds from an event's commit in the database to the broker's acknowledgement.",
            LATENCIES,
            self.registry,
        )

    def _gauge_state(self) -> None:
        self._lag = self._gauge("app_consumer_lag", "Messages not yet committed.", "topic", "partition")
        self._lag_seconds = self._gauge(
            "app_consumer_lag_seconds", "Seconds since the oldest message not yet committed.", "topic", "partition"
        )
        self._pending = self._gauge("app_outbox_pending", "Rows committed and not yet published.")
        self._assigned = self._gauge("app_assigned_partitions", "Partitions that this process consumes.", "topic")
        self._halted = self._gauge("app_halted", "1 for a part that waits for a person.", "part", "reason")
        self._halts: dict[str, str] = {}

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, registry=self.registry)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(name, documentation, labels, registry=self.registry)

    def start_at_zero(
        self,
        *,
        consumed: Mapping[str, Iterable[str]],
        published: Mapping[str, Iterable[str]],
        dead_lettered: Mapping[str, Iterable[str]],
    ) -> None:
        """Make the series that are known beforehand, by topic: rates need a zero to start from.

        `consumed` and `published` name the types, `dead_lettered` the reasons.
        """
        known = [
            (self._consumed, consumed),
            (self._duplicate, consumed),
            (self._published, published),
            (self._dead_lettered, dead_lettered),
        ]
        for counter, topics in known:
            for topic, seconds in topics.items():
                for second in seconds:
                    counter.labels(topic, second)
        for topic in consumed:
            self._assigned.labels(topic).set(0)

    def settled(self, outcome: Outcome[Any], committed_at: float, stages: Mapping[str, float]) -> None:
        """Count a batch that is committed: once, however often it was tried.

        `committed_at` is in seconds since 1970; `stages` holds the seconds that each stage took.
        """
        messages: Sequence[Message[object]] = outcome.consumed
        _add(self._consumed, Tally(map(topic_and_type, messages)))
        _add(self._duplicate, Tally(map(topic_and_type, outcome.duplicates)))
        _add(self._dead_lettered, Tally(map(topic_and_reason, outcome.dead_letters)))
        self._batch_messages.observe(len(messages))
        self._commit_latency.observe_ages(map(timestamp, messages), int(committed_at * 1000))
        for stage, seconds in stages.items():
            self._batch_duration.labels(stage).observe(seconds)

    def published(self, rows: Iterable[tuple[float, Sequence[Frame]]]) -> None:
        """Count what the broker acknowledged: for each row the seconds since its commit, and its frames."""
        tally: Tally[tuple[str, str]] = Tally()
        for seconds, frames in rows:
            # A dead letter is no event; it has no type.
            events = {kind: times for kind, times in Tally(map(kind_of_frame, frames)).items() if kind[1]}
            tally.update(events)
            self._publish_latency.observe(seconds, sum(events.values()))
        _add(self._published, tally)

    def retried(self, operation: str, error: str) -> None:
        """Count that an operation is tried again; `error` is an SQLSTATE, a broker's error or an exception's name."""
        self._retries.labels(operation, error).inc()

    def lag(self, topic: str, partition: int, messages: int, seconds: float) -> None:
        """Show how many messages wait in a partition, and for how many seconds the oldest of them has."""
        self._lag.labels(topic, str(partition)).set(messages)
        self._lag_seconds.labels(topic, str(partition)).set(seconds)

    def released(self, topic: str, partition: int) -> None:
        """Forget a partition's lag: another process shows it now."""
        self._lag.remove(topic, str(partition))
        self._lag_seconds.remove(topic, str(partition))

    def pending(self, rows: int) -> None:
        """Show how many rows are committed and not yet published."""
        self._pending.set(rows)

    def assigned(self, topic: str, partitions: int) -> None:
        """Show how many partitions of a topic this process consumes."""
        self._assigned.labels(topic).set(partitions)

    def halted(self, part: str, reason: str | None) -> None:
        """Show that a part stands still, and why; None when it goes on."""
        if part in self._halts:
            self._halted.remove(part, self._halts.pop(part))
        if reason is not None:
            self._halts[part] = reason
            self._halted.labels(part, reason).set(1)


def _add(counter: Counter, tally: Tally[tuple[str, str]]) -> None:
    for labels, times in tally.items():
        counter.labels(*labels).inc(times)
