from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from python_app_template.adapters.wire.events import name_of
from python_app_template.core.delivery.messages import DeadLetter, Fact, Frame, Message, Partition, Record, Refused
from python_app_template.core.delivery.outcomes import Outcome
from python_app_template.core.domain.events import Event, LineOutOfStock
from python_app_template.monitoring.distribution import Distribution
from python_app_template.monitoring.lines import LineOutcomes
from python_app_template.monitoring.metrics import Metrics

NOW = 1_700_000_000.0


def record(offset: int = 0, timestamp: int = int(NOW * 1000) - 40) -> Record:
    return Record(Partition("raw-push", 0), offset, timestamp, None, b"{}")


def message(kind: str = "order.placed", timestamp: int = int(NOW * 1000) - 40) -> Message[object]:
    return Message(record(timestamp=timestamp), kind, None)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


# Contract section 8: name, kind, labels.
CONTRACT = {
    "app_info": ("gauge", {"version", "environment"}),
    "app_messages_consumed_total": ("counter", {"topic", "type"}),
    "app_messages_duplicate_total": ("counter", {"topic", "type"}),
    "app_messages_dead_lettered_total": ("counter", {"topic", "reason"}),
    "app_lines_total": ("counter", {"outcome"}),
    "app_events_published_total": ("counter", {"topic", "type"}),
    "app_batch_messages": ("histogram", set()),
    "app_batch_duration_seconds": ("histogram", {"stage"}),
    "app_commit_latency_seconds": ("histogram", set()),
    "app_publish_latency_seconds": ("histogram", set()),
    "app_consumer_lag": ("gauge", {"topic", "partition"}),
    "app_consumer_lag_seconds": ("gauge", {"topic", "partition"}),
    "app_outbox_pending": ("gauge", set()),
    "app_retries_total": ("counter", {"operation", "error"}),
    "app_assigned_partitions": ("gauge", {"topic"}),
    "app_halted": ("gauge", {"part", "reason"}),
}


def all_moved() -> Metrics:
    metrics = Metrics("1.2.3", "test")
    outcome: Outcome[Event] = Outcome(
        consumed=[message(), message(), message("other")],
        duplicates=[message()],
        facts=[Fact(LineOutOfStock("S", 1, "o", 0, 2), record(), datetime.now(UTC))],
        dead_letters=[DeadLetter(record(), Refused("invalid", "no"))],
    )
    LineOutcomes(metrics.registry, name_of)(outcome)
    metrics.settled(outcome, NOW, {"load": 0.01, "commit": 0.002})
    metrics.published([(0.1, [Frame("allocations", None, b"", (), "line.allocated"), Frame("dlq", None, b"", (), "")])])
    metrics.lag("raw-push", 2, 10, 1.5)
    metrics.pending(3)
    metrics.retried("commit", "40001")
    metrics.assigned("raw-push", 3)
    metrics.halted("relay", "cursor_lost")
    return metrics


def test_the_contracts_metrics_are_there_and_no_others() -> None:
    found = {
        family.name + ("_total" if family.type == "counter" else ""): (
            family.type,
            {name for sample in family.samples for name in sample.labels} - {"le"},
        )
        for family in all_moved().registry.collect()
        if family.name.startswith("app_")
    }
    assert found == CONTRACT


def test_every_metric_says_what_it_means() -> None:
    ours = [family for family in all_moved().registry.collect() if family.name.startswith("app_")]
    assert [family.name for family in ours if not family.documentation.endswith(".")] == []


def test_process_and_collector_metrics_come_along() -> None:
    exposed = generate_latest(Metrics("1", "test").registry).decode()
    for name in ("process_cpu_seconds_total", "python_info", "python_gc_objects_collected_total"):
        assert f"\n{name}" in exposed
    assert "_created" not in exposed


def test_a_committed_batch_is_counted() -> None:
    metrics = all_moved()
    assert value(metrics, "app_messages_consumed_total", topic="raw-push", type="order.placed") == 2
    assert value(metrics, "app_messages_consumed_total", topic="raw-push", type="other") == 1
    assert value(metrics, "app_messages_duplicate_total", topic="raw-push", type="order.placed") == 1
    assert value(metrics, "app_messages_dead_lettered_total", topic="raw-push", reason="invalid") == 1
    assert value(metrics, "app_batch_messages_sum") == 3
    assert value(metrics, "app_batch_duration_seconds_sum", stage="load") == 0.01
    assert value(metrics, "app_commit_latency_seconds_count") == 3
    assert value(metrics, "app_commit_latency_seconds_sum") == pytest.approx(0.12)
    assert value(metrics, "app_lines_total", outcome="out_of_stock") == 1
    assert value(metrics, "app_lines_total", outcome="rejected") == 0


def test_dead_letters_are_no_published_events() -> None:
    metrics = all_moved()
    assert value(metrics, "app_events_published_total", topic="allocations", type="line.allocated") == 1
    assert value(metrics, "app_events_published_total", topic="dlq", type="") is None
    assert value(metrics, "app_publish_latency_seconds_count") == 1


def test_events_that_are_not_about_lines_count_no_line() -> None:
    registry = CollectorRegistry()
    LineOutcomes[str](registry, str)(Outcome(facts=[Fact("batch.created", record(), datetime.now(UTC))]))
    outcomes = ("allocated", "deallocated", "out_of_stock", "rejected")
    assert [registry.get_sample_value("app_lines_total", {"outcome": name}) for name in outcomes] == [0] * 4


def test_what_is_known_beforehand_starts_at_zero() -> None:
    metrics = Metrics("1", "test")
    metrics.start_at_zero(
        consumed={"raw-push": ["order.placed", "other"]},
        published={"allocations": ["line.allocated"]},
        dead_lettered={"raw-push": ["invalid"]},
    )
    assert value(metrics, "app_messages_consumed_total", topic="raw-push", type="other") == 0
    assert value(metrics, "app_messages_duplicate_total", topic="raw-push", type="order.placed") == 0
    assert value(metrics, "app_events_published_total", topic="allocations", type="line.allocated") == 0
    assert value(metrics, "app_messages_dead_lettered_total", topic="raw-push", reason="invalid") == 0
    assert value(metrics, "app_assigned_partitions", topic="raw-push") == 0
    assert value(metrics, "app_outbox_pending") == 0


def test_a_partition_that_is_gone_shows_no_lag() -> None:
    metrics = all_moved()
    assert value(metrics, "app_consumer_lag", topic="raw-push", partition="2") == 10
    metrics.released("raw-push", 2)
    metrics.released("raw-push", 7)
    assert value(metrics, "app_consumer_lag", topic="raw-push", partition="2") is None
    assert value(metrics, "app_consumer_lag_seconds", topic="raw-push", partition="2") is None


def test_a_halt_has_one_reason_and_goes_away() -> None:
    metrics = all_moved()
    metrics.halted("relay", "too_large")
    assert value(metrics, "app_halted", part="relay", reason="cursor_lost") is None
    assert value(metrics, "app_halted", part="relay", reason="too_large") == 1
    metrics.halted("relay", None)
    metrics.halted("partition-0", None)
    assert value(metrics, "app_halted", part="relay", reason="too_large") is None


BUCKETS = (0.005, 0.01, 0.05, 0.1, 1.0, 60.0)
AGES = [0, 4, 5, 6, 10, 11, 50, 99, 100, 101, 1000, 59_999, 60_000, 60_001, 10_000_000]


def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    found = {
        (sample.name, sample.labels.get("le", "")): sample.value
        for family in registry.collect()
        for sample in family.samples
    }
    return {name: count for name, count in found.items() if not name[0].endswith("_created")}


def test_a_distribution_is_the_librarys_histogram_taken_at_once() -> None:
    theirs, at_once, one_by_one = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("x_seconds", "X.", buckets=BUCKETS, registry=theirs)
    distribution = Distribution("x_seconds", "X.", BUCKETS, one_by_one)
    for age in AGES:
        histogram.observe(age / 1000)
        distribution.observe(age / 1000)
    now = int(NOW * 1000)
    Distribution("x_seconds", "X.", BUCKETS, at_once).observe_ages([now - age for age in AGES], now)
    assert samples(at_once) == pytest.approx(samples(theirs))
    assert samples(one_by_one) == pytest.approx(samples(theirs))


def test_clocks_that_disagree_do_not_make_a_sum_shrink() -> None:
    registry = CollectorRegistry()
    distribution = Distribution("x_seconds", "X.", BUCKETS, registry)
    distribution.observe_ages([1000, 3000], 2000)
    distribution.observe(-5)
    assert registry.get_sample_value("x_seconds_sum") == 1
    assert registry.get_sample_value("x_seconds_count") == 3


def test_a_record_without_a_timestamp_has_no_age() -> None:
    registry = CollectorRegistry()
    Distribution("x_seconds", "X.", BUCKETS, registry).observe_ages([-1, 1000], 2000)
    assert registry.get_sample_value("x_seconds_count") == 1


def test_a_registry_refuses_a_second_distribution_of_the_name() -> None:
    registry = CollectorRegistry()
    Distribution("x_seconds", "X.", BUCKETS, registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Distribution("x_seconds", "X.", BUCKETS, registry)
