"""Contract, sections 7 and 8: metrics by their exact names, labels and values after a stream that is known; health."""

import json
from collections.abc import Mapping
from importlib.metadata import version

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.clients import World, batch, cancelled, order, quantity
from tests.e2e.conftest import Launch, Running
from tests.processes import ServiceProcess, wait_until

pytestmark = pytest.mark.servers

TABLE: Mapping[str, tuple[str, set[str]]] = {
    "app_info": ("gauge", {"version", "environment"}),
    "app_messages_consumed": ("counter", {"topic", "type"}),
    "app_messages_duplicate": ("counter", {"topic", "type"}),
    "app_messages_dead_lettered": ("counter", {"topic", "reason"}),
    "app_lines": ("counter", {"outcome"}),
    "app_events_published": ("counter", {"topic", "type"}),
    "app_batch_messages": ("histogram", set()),
    "app_batch_duration_seconds": ("histogram", {"stage"}),
    "app_commit_latency_seconds": ("histogram", set()),
    "app_publish_latency_seconds": ("histogram", set()),
    "app_consumer_lag": ("gauge", {"topic", "partition"}),
    "app_consumer_lag_seconds": ("gauge", {"topic", "partition"}),
    "app_outbox_pending": ("gauge", set()),
    "app_retries": ("counter", {"operation", "error"}),
    "app_assigned_partitions": ("gauge", {"topic"}),
    "app_halted": ("gauge", {"part", "reason"}),
}
"""The contract's, counters without their `_total`."""

MESSAGES = 12


def known_stream(world: World) -> None:
    """Send 12 messages in one partition, so that their order is known, and wait for what they lead to."""
    chair = batch("b", "CHAIR", 10)
    world.send(
        chair,
        chair,
        order("o1", ("CHAIR", 3), ("NEVER", 1)),
        order("o2", ("CHAIR", 8)),
        order("o1", ("CHAIR", 3), ("NEVER", 1)),
        order("o1", ("CHAIR", 4)),
        quantity("b", 2),
        quantity("b", 9),
        cancelled("o1"),
        cancelled("unknown"),
        partition=1,
    )
    world.send_raw(b"{", None, 1)
    world.send_raw(None, None, 1)
    assert [e.body["type"] for e in world.events_of("CHAIR", 7)] == [
        "batch.created",
        "line.allocated",
        "line.out_of_stock",
        "batch.quantity_changed",
        "line.deallocated",
        "line.out_of_stock",
        "batch.quantity_changed",
    ]
    assert len(world.events(8)) == 8
    assert len(world.dead_letters(4)) == 4


@pytest.fixture(scope="module")
def watched(shared: Running) -> Running:
    """A service that has had the stream, and shows nothing else to do."""
    service = shared.service
    known_stream(shared.world)
    wait_until(lambda: service.metric("app_events_published_total") == 8, 60, service.explain)
    wait_until(lambda: service.metric("app_outbox_pending") == 0, 60, service.explain)
    wait_until(lambda: service.metric("app_assigned_partitions") == 3, 60, service.explain)
    wait_until(lambda: lags(service) == {"0": 0, "1": 0, "2": 0}, 60, service.explain)
    return shared


def lags(service: ServiceProcess, name: str = "app_consumer_lag") -> dict[str, float]:
    samples = service.samples(name).items()
    return {dict(labels)["partition"]: value for (found, labels), value in samples if found == name}


def by(service: ServiceProcess, name: str, label: str) -> dict[str, float]:
    """Values by one label, those that are not 0."""
    return {dict(labels)[label]: v for (found, labels), v in service.samples(name).items() if found == name and v}


def test_a_known_stream_moves_each_counter_by_what_it_says(watched: Running) -> None:
    service, world, _ = watched
    assert by(service, "app_messages_consumed_total", "type") == {
        "batch.created": 2,
        "order.placed": 4,
        "batch.quantity_changed": 2,
        "order.cancelled": 2,
        "other": 2,
    }
    assert by(service, "app_messages_consumed_total", "topic").keys() == {world.kafka.input_topic}
    assert by(service, "app_messages_duplicate_total", "type") == {"batch.created": 1, "order.placed": 1}
    assert by(service, "app_messages_dead_lettered_total", "reason") == {
        "conflict": 1,
        "unknown_order": 1,
        "undecodable": 1,
        "empty": 1,
    }
    assert by(service, "app_messages_dead_lettered_total", "topic").keys() == {world.kafka.input_topic}
    assert by(service, "app_lines_total", "outcome") == {
        "allocated": 1,
        "rejected": 1,
        "out_of_stock": 2,
        "deallocated": 1,
    }
    assert by(service, "app_events_published_total", "type") == {
        "batch.created": 1,
        "batch.quantity_changed": 2,
        "line.allocated": 1,
        "line.rejected": 1,
        "line.out_of_stock": 2,
        "line.deallocated": 1,
    }
    assert by(service, "app_events_published_total", "topic").keys() == {world.kafka.output_topic}


def test_histograms_count_batches_messages_and_events(watched: Running) -> None:
    service = watched.service
    batches = len(service.lines("batch.settled"))
    assert service.metric("app_batch_messages_count") == batches
    assert service.metric("app_batch_messages_sum") == MESSAGES
    assert service.metric("app_batch_duration_seconds_count", stage="commit") == batches
    assert service.metric("app_commit_latency_seconds_count") == MESSAGES
    assert service.metric("app_publish_latency_seconds_count") == 8
    for name in ("app_commit_latency_seconds", "app_publish_latency_seconds"):
        assert 0 < service.metric(f"{name}_sum") < 8 * 60


def test_gauges_of_a_service_with_nothing_to_do(watched: Running) -> None:
    service, world, _ = watched
    assert lags(service, "app_consumer_lag_seconds") == {"0": 0, "1": 0, "2": 0}
    assert service.metric("app_assigned_partitions", topic=world.kafka.input_topic) == 3
    assert service.metric("app_info", version=version("python-app-template"), environment="test") == 1
    assert by(service, "app_halted", "part") == {}
    assert by(service, "app_retries_total", "operation") == {}


def test_names_types_and_labels_are_the_contracts_with_a_help_text_each(watched: Running) -> None:
    service = watched.service
    families = {f.name: f for f in text_string_to_metric_families(service.get("/metrics").text)}
    assert {name: families[name].type for name in TABLE} == {name: kind for name, (kind, _) in TABLE.items()}
    assert {name for name in families if name.startswith("app_")} == TABLE.keys()
    for name, (_, labels) in TABLE.items():
        assert families[name].documentation
        for sample in families[name].samples:
            assert sample.labels.keys() - {"le"} == labels, name


def test_series_that_are_known_start_at_zero(watched: Running) -> None:
    service, world, _ = watched
    samples = service.samples()
    for kind in ("order.placed", "order.cancelled", "batch.created", "batch.quantity_changed", "other"):
        for name in ("app_messages_consumed_total", "app_messages_duplicate_total"):
            assert (name, frozenset({("topic", world.kafka.input_topic), ("type", kind)})) in samples
    for outcome in ("allocated", "deallocated", "out_of_stock", "rejected"):
        assert ("app_lines_total", frozenset({("outcome", outcome)})) in samples


def test_lag_is_messages_and_the_age_of_the_oldest(launch: Launch, world: World) -> None:
    """Of a worker that may not go on, because what it committed is not published."""
    worker = launch(APP_ROLES="worker", APP_OUTBOX__MAX_PENDING="1", APP_CONSUMER__BATCH_SIZE="1").until_ready()
    wait_until(lambda: lags(worker).keys() == {"0", "1", "2"}, 60, worker.explain)
    world.send(*[order(f"o{n}", ("NEVER", 1)) for n in range(20)], partition=2)
    wait_until(lambda: 0 < lags(worker)["2"] <= 20, 60, worker.explain)
    wait_until(lambda: lags(worker, "app_consumer_lag_seconds")["2"] > 1, 60, worker.explain)
    wait_until(lambda: worker.failing().keys() == {"way out"}, 60, worker.explain)
    assert worker.get("/health/live").status_code == httpx.codes.OK
    relay = launch("relay", APP_ROLES="relay")
    wait_until(lambda: lags(worker)["2"] == 0, 60, worker.explain)
    wait_until(worker.is_ready, 60, worker.explain)
    wait_until(lambda: lags(worker, "app_consumer_lag_seconds")["2"] == 0, 60, worker.explain)
    assert len(world.events(20)) == 20
    assert relay.until_ready().running


def test_health_names_each_check(watched: Running) -> None:
    service = watched.service
    wait_until(lambda: service.is_ready() and {"preflight", "database", "broker"} <= checks(service), 60)
    assert service.get("/health/live").status_code == httpx.codes.OK
    assert service.get("/nothing").status_code == httpx.codes.NOT_FOUND


def checks(service: ServiceProcess) -> set[str]:
    return {*service.get("/health/ready").json()["checks"]}


def test_the_log_has_a_json_line_per_batch_and_none_per_message(launch: Launch, world: World) -> None:
    service = launch().until_ready()
    world.send(batch("b", "CHAIR", 10**6))
    world.events(1)
    world.send(*[order(f"o{n}", ("CHAIR", 1)) for n in range(1000)])
    world.events(1001)
    assert service.terminate() == 0
    lines = [json.loads(line) for line in service.log().splitlines()]
    settled = [line for line in lines if line["event"] == "batch.settled"]
    assert sum(line["messages"] for line in settled) == 1001
    assert sum(line["events"] for line in settled) == 1001
    assert all("commit_ms" in line for line in settled)
    assert len(lines) - len(settled) < 40
    assert {"timestamp", "level", "event", "service"} <= lines[0].keys()


def test_a_message_that_fails_is_logged_with_its_place_and_reason(launch: Launch, world: World) -> None:
    service = launch().until_ready()
    sent = world.send_raw(b"{", b"key")
    world.dead_letters(1)
    line = service.line("message.dead_lettered")
    assert (line["partition"], line["offset"], line["reason"]) == (sent.partition, sent.offset, "undecodable")


def test_secrets_are_never_logged_however_much_is(launch: Launch, world: World) -> None:
    """The fixture looks for the database's password in every log; here are those of the broker."""
    service = launch(
        APP_LOG__LEVEL="DEBUG",
        APP_KAFKA__CLIENT='{"sasl.oauthbearer.client.secret": "hunter2"}',
    )
    service.until_ready()
    world.send(order("o", ("NEVER", 1)))
    world.events(1)
    assert service.terminate() == 0
    assert "hunter2" not in service.log()
    (loaded,) = service.lines("settings.loaded")
    assert "***" in str(loaded)


def test_the_log_for_people_is_no_json(launch: Launch) -> None:
    service = launch(APP_LOG__FORMAT="console")
    wait_until(lambda: "http.listening" in service.log(), 60, service.explain)
    assert not [line for line in service.log().splitlines() if line.startswith("{")]
    service.kill()
