"""librdkafka's properties as they follow from the settings, and what its errors mean."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_errors import kafka_errors
from python_app_template.adapters.secondary.kafka.errors import relay_fault
from python_app_template.core.delivery.faults import FatalError, Halted, TransientError
from python_app_template.settings import Settings, load

CLASSIC: dict[str, object] = {}
KIP_848: dict[str, object] = {"kafka.group_protocol": "consumer"}


@pytest.mark.parametrize("given", [CLASSIC, KIP_848])
def test_librdkafka_takes_the_consumers_properties(given: dict[str, object]) -> None:
    Consumer(kafka_client.consumer(load(given))).close()


@pytest.mark.parametrize("given", [CLASSIC, KIP_848])
def test_nothing_is_committed_or_reset_by_itself(given: dict[str, object]) -> None:
    properties = kafka_client.consumer(load(given))
    expected = {
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    }
    assert properties.items() >= expected.items()
    assert properties["fetch.wait.max.ms"] <= 20


def test_what_kip_848_refuses_is_set_for_classic_alone() -> None:
    refused = {"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"}
    assert refused <= kafka_client.consumer(load(CLASSIC)).keys()
    assert not refused & kafka_client.consumer(load(KIP_848)).keys()


@pytest.mark.parametrize(("session", "heartbeat"), [(45_000, 1000), (1500, 500)])
def test_heartbeats_are_frequent_within_a_session(session: int, heartbeat: int) -> None:
    properties = kafka_client.consumer(load({"kafka.session_timeout_ms": session}))
    assert properties["heartbeat.interval.ms"] == heartbeat


def test_librdkafka_takes_the_producers_properties() -> None:
    properties = kafka_client.producer(load({}), "an-outbox")
    assert Producer(properties) is not None
    assert (properties["transactional.id"], properties["message.max.bytes"]) == ("an-outbox", 1_000_000_000)


@pytest.mark.parametrize(
    "properties",
    [kafka_client.client, kafka_client.consumer, kafka_client.tail_reader, lambda s: kafka_client.producer(s, "id")],
)
def test_every_client_gets_the_login_and_whatever_else_is_set(properties: Callable[[Settings], Any]) -> None:
    found = properties(
        load(
            {
                "kafka.security_protocol": "SASL_SSL",
                "kafka.sasl_mechanism": "SCRAM-SHA-512",
                "kafka.sasl_username": "me",
                "kafka.sasl_password": "secret",
                "kafka.ssl_key_password": "another",
                "kafka.client": {"socket.keepalive.enable": True, "reconnect.backoff.max.ms": 7},
                "service_name": "somebody",
            }
        )
    )
    expected = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "secret",
        "ssl.key.password": "another",
        "client.id": "somebody",
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 7,
    }
    assert found.items() >= expected.items()


def test_a_property_that_does_not_exist_is_fatal() -> None:
    with pytest.raises(FatalError, match="no_such"), kafka_errors():
        Producer({"no_such": "property"})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._TRANSPORT, TransientError),  # noqa: SLF001 - so librdkafka names its own errors
        (KafkaError._FENCED, TransientError),  # noqa: SLF001 - likewise
        (KafkaError.NOT_ENOUGH_REPLICAS, TransientError),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, TransientError),
        (KafkaError.UNSUPPORTED_VERSION, FatalError),
        (KafkaError.MSG_SIZE_TOO_LARGE, Halted),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Halted),
    ],
)
def test_an_error_is_what_is_to_be_done_about_it(code: int, kind: type[Exception]) -> None:
    assert type(relay_fault(KafkaError(code), "a record")) is kind


def test_a_transient_error_is_named_for_the_metrics() -> None:
    with pytest.raises(TransientError) as raised, kafka_errors():
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its name
    assert raised.value.code == "TIMED_OUT"
