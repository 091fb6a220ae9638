"""librdkafka's properties from the settings, for each kind of client, and where its log goes."""

import logging
from typing import Any, TypeAlias

from python_app_template.adapters.seldom import Seldom
from python_app_template.settings import Settings

Properties: TypeAlias = dict[str, Any]

LOGGER = logging.getLogger("librdkafka")
"""Given to each client as `logger=`; a client forwards its log whenever it is polled."""
LOGGER.addFilter(Seldom(60))

UNLIMITED = 1_000_000_000
"""The largest `message.max.bytes` that librdkafka takes: the broker alone judges sizes."""

PACKED_BYTES = 500_000
"""How much is packed into one request for a partition: all of it is refused where a topic takes less at a time."""

HEARTBEAT_MS = 1000

PREFETCHED_BATCHES = 4
"""How many batches are fetched ahead, inside librdkafka."""


def client(settings: Settings) -> Properties:
    """Where the broker is and how to get in; enough for an admin client."""
    kafka = settings.kafka
    password, key_password = kafka.sasl_password, kafka.ssl_key_password
    given = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "client.id": settings.service_name,
        "security.protocol": kafka.security_protocol,
        "sasl.mechanism": kafka.sasl_mechanism,
        "sasl.username": kafka.sasl_username,
        "sasl.password": password.get_secret_value() if password else None,
        "ssl.ca.location": kafka.ssl_ca_location,
        "ssl.certificate.location": kafka.ssl_certificate_location,
        "ssl.key.location": kafka.ssl_key_location,
        "ssl.key.password": key_password.get_secret_value() if key_password else None,
        # A broker that comes back is found within a second, not ten.
        "reconnect.backoff.max.ms": 1000,
        # A broker that was frozen names no brokers at first, and librdkafka may drop the last one it knows for good
        # (its issue 5301); asked for soon, its bootstrap addresses have been added again by then.
        "metadata.recovery.rebootstrap.trigger.ms": 2000,
    }
    return {name: value for name, value in given.items() if value is not None} | kafka.client_properties()


def consumer(settings: Settings) -> Properties:
    """A member of the group, that reads what is committed from positions kept elsewhere."""
    ahead = {
        # Long polls keep offsets from being fetched anew after a pause, and a seek waits for one to end.
        "fetch.wait.max.ms": 20,
        # By default the fetching stops for a second when the queue was full.
        "fetch.queue.backoff.ms": 10,
        "queued.min.messages": max(10_000, PREFETCHED_BATCHES * settings.consumer.batch_size),
        "queued.max.messages.kbytes": max(16_384, PREFETCHED_BATCHES * settings.consumer.batch_bytes // 1024),
        "max.poll.interval.ms": settings.kafka.max_poll_interval_ms,
    }
    if settings.kafka.group_protocol == "classic":
        # With each heartbeat a member learns of a rebalance; by default that is every 3 s, whatever the session.
        ahead["heartbeat.interval.ms"] = min(HEARTBEAT_MS, settings.kafka.session_timeout_ms // 3)
    return ahead | _reader(settings) | _membership(settings)


def tail_reader(settings: Settings) -> Properties:
    """No member of any group, assigned by hand; the group's name is only there because librdkafka insists on one."""
    return _reader(settings) | {"fetch.wait.max.ms": 20}


def producer(settings: Settings, transactional_id: str) -> Properties:
    """All or nothing: transactions under this id, the largest messages, a page of them in its queue.

    Of one partition librdkafka 2.16 sends nothing while an answer for it is outstanding, and yet looks without a pause
    whether it may: a third of the relay's processor time (rdkafka_broker.c, rd_kafka_toppar_producer_serve, counts
    messages where it limits requests). With one request under way for all of a broker's partitions it waits for that.
    A broker takes the requests of a connection one after the other in any case.
    """
    page = {
        "compression.type": "lz4",
        "batch.size": PACKED_BYTES,
        "max.in.flight.requests.per.connection": 1,
        "queue.buffering.max.messages": 10_000_000,
        "queue.buffering.max.kbytes": 2_097_151,
    }
    return (
        page
        | client(settings)
        | {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": settings.kafka.transaction_timeout_ms,
            "enable.idempotence": True,
            "acks": "all",
            "message.max.bytes": UNLIMITED,
            "delivery.report.only.error": True,
        }
    )


def sender(settings: Settings) -> Properties:
    """Single messages to the input topic, each acknowledged by all replicas, and never twice.

    Whoever waits too long gives the whole producer up. With a `message.timeout.ms` librdkafka gives up one message,
    goes on under a new epoch, and sends the others again, though the broker may have taken them under the old one.
    """
    # What comes within so many milliseconds shares a request for each partition; librdkafka's threads cost CPU too. Of
    # three messages at a time nothing is gained by packing them, and at 2,100 writes/s on one core it doubles the p99.
    quick = {"linger.ms": 5, "compression.type": "none"}
    return (
        quick
        | client(settings)
        | {
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "acks": "all",
            "message.max.bytes": UNLIMITED,
            "message.timeout.ms": 0,
        }
    )


def _reader(settings: Settings) -> Properties:
    return client(settings) | {
        "group.id": settings.kafka.group_id,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
    }


def _membership(settings: Settings) -> Properties:
    if settings.kafka.group_protocol == "consumer":
        return {"group.protocol": "consumer"}
    return {
        "group.protocol": "classic",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": settings.kafka.session_timeout_ms,
    }
