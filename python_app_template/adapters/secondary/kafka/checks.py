"""What has to be true of the broker and its topics before the service starts."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from confluent_kafka import KafkaException, Producer

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.kafka_errors import fault
from python_app_template.adapters.kafka_login import BARRED, Login
from python_app_template.adapters.secondary.kafka.errors import REFUSALS
from python_app_template.adapters.secondary.kafka.topics import COUNT, CREATE, HEADROOM, TopicStanding, describe
from python_app_template.core.delivery.faults import FatalError, TransientError
from python_app_template.core.ports.checks import Check, CheckFailed
from python_app_template.settings import Settings

ANSWER_SECONDS = 10.0
SLICE_SECONDS = 1.0

FOLLOWERS = frozenset({"api", "projector", "notifier"})
"""Roles that read what the relay publishes; `api` for subscriptions."""


def checks(settings: Settings, admin: KafkaAdmin) -> list[Check]:
    """Return them in the order in which they make sense."""
    found = [
        Check("broker", partial(broker, settings, admin)),
        Check("topics", partial(topics, settings, admin)),
        Check("rights", partial(rights, settings, admin)),
        Check("dead letters' size", partial(largest_dead_letter, settings, admin)),
    ]
    if "relay" in settings.roles:
        found.append(Check("packing", partial(packing, settings, admin)))
        found.append(Check("transactions", partial(transactions, settings)))
    return found


async def broker(settings: Settings, admin: KafkaAdmin) -> str:
    """It answers, and lets us in."""
    with asking():
        await admin.topics([settings.kafka.input_topic])
    return settings.kafka.bootstrap_servers


async def topics(settings: Settings, admin: KafkaAdmin) -> str:
    """All four are there, with the partitions that the settings name."""
    with asking():
        found = await describe(settings, admin)
    if faults := [wrong for topic in found if (wrong := _wrong(topic))]:
        missing = any(topic.found is None for topic in found)
        raise CheckFailed(", ".join(faults), CREATE if missing else COUNT, passing=missing)
    return ", ".join(f"{topic.name} ({topic.partitions})" for topic in found)


async def rights(settings: Settings, admin: KafkaAdmin) -> str:
    """We may read what comes in, and write what goes out; the cursor is read too."""
    needed = _needed_rights(settings)
    with asking():
        may = await admin.rights(needed)
    if lacking := [f"{right} on {name}" for name, some in needed.items() for right in sorted(some - may[name])]:
        raise CheckFailed(f"no right to {', '.join(lacking)}", "grant it with kafka-acls.sh", passing=True)
    return ", ".join(f"{'+'.join(sorted(some))} on {name}" for name, some in needed.items())


async def packing(settings: Settings, admin: KafkaAdmin) -> str:
    """Topics take as much at a time as is packed together; else small frames would be refused in company."""
    packed = int(kafka_client.producer(settings, "")["batch.size"])
    for name in (settings.kafka.output_topic, settings.kafka.dead_letter_topic):
        with asking():
            taken = await admin.message_bytes(name)
        if taken < packed:
            raise CheckFailed(
                f"{name} takes {taken} bytes at a time, up to {packed} are packed together",
                f'raise its max.message.bytes, or set APP_KAFKA__CLIENT={{"batch.size": {taken}}}',
            )
    return f"{packed} bytes"


async def largest_dead_letter(settings: Settings, admin: KafkaAdmin) -> str:
    """Whatever the input topic takes, the dead-letter topic takes with its reason."""
    kafka = settings.kafka
    with asking():
        taken = await admin.message_bytes(kafka.input_topic)
        room = await admin.message_bytes(kafka.dead_letter_topic)
    if room < taken + HEADROOM:
        raise CheckFailed(
            f"{kafka.dead_letter_topic} takes {room} bytes, {kafka.input_topic} {taken}",
            f"set max.message.bytes of {kafka.dead_letter_topic} to {taken + HEADROOM} or more",
        )
    return f"{room} bytes"


async def transactions(settings: Settings) -> str:
    """We may produce in a transaction; under an id of its own, so that no relay at work is shut out.

    One id for each service and host, as the broker remembers ids for days. Who probes at the same time shuts the other
    out after its answer, when it has nothing more to do.
    """
    probe = f"preflight-{settings.service_name}-{socket.gethostname()}"
    with asking():
        try:
            await asyncio.to_thread(_begin, settings, probe)
        except KafkaException as e:
            if refusal := REFUSALS.get(e.args[0].code()):
                raise CheckFailed(e.args[0].str(), refusal.remedy) from e
            raise
    return "allowed"


def _begin(settings: Settings, probe: str) -> None:
    login = Login()
    properties = kafka_client.producer(settings, probe) | {"error_cb": login.note}
    producer = Producer(properties, logger=kafka_client.LOGGER)
    until = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return producer.init_transactions(SLICE_SECONDS)
        except KafkaException as e:
            producer.poll(0)  # tells what keeps us out, if anything does
            if login.refusal is not None:
                raise login.refusal from None
            if not e.args[0].retriable() or time.monotonic() > until:
                raise


def _needed_rights(settings: Settings) -> dict[str, frozenset[str]]:
    kafka, roles = settings.kafka, settings.roles
    needed = {
        kafka.input_topic: {"READ": "worker" in roles, "WRITE": "api" in roles},
        kafka.output_topic: {"READ": bool(FOLLOWERS & roles), "WRITE": "relay" in roles},
        kafka.dead_letter_topic: {"WRITE": "relay" in roles},
        kafka.positions_topic: {"READ": "relay" in roles, "WRITE": "relay" in roles},
    }
    found = {topic: frozenset(right for right, wanted in rights.items() if wanted) for topic, rights in needed.items()}
    return {topic: rights for topic, rights in found.items() if rights}


def _wrong(topic: TopicStanding) -> str | None:
    if topic.found is None:
        return f"no topic {topic.name}"
    if topic.found.partitions != topic.partitions:
        return f"{topic.name} has {topic.found.partitions} partitions instead of {topic.partitions}"
    return None


@contextmanager
def asking() -> Iterator[None]:
    """Say of what goes wrong what there is to do."""
    try:
        try:
            yield
        except KafkaException as e:
            raise fault(e.args[0]) from e
    except TransientError as away:
        if away.code == "UNKNOWN_TOPIC_OR_PART":
            raise CheckFailed(f"{away}", CREATE, passing=True) from away
        if away.code in BARRED:
            remedy = "correct the user, the password, the certificates or the security protocol of APP_KAFKA__..."
            raise CheckFailed(f"{away}", remedy) from away
        remedy = "start it, or correct APP_KAFKA__BOOTSTRAP_SERVERS, the security settings or the rights"
        raise CheckFailed(f"{away}", remedy, passing=True) from away
    except FatalError as wrong:
        raise CheckFailed(f"{wrong}", "correct the settings of APP_KAFKA__...") from wrong
