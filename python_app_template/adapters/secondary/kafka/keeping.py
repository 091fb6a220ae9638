"""Whether the topics keep what they hold, and whether we may be a member of the group; before the service starts."""

import asyncio
from collections.abc import Iterator, Mapping
from functools import partial

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import ConfigResource as Resource  # type: ignore[attr-defined] # public, but for the stubs

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_admin import ANSWER_SECONDS, KafkaAdmin
from python_app_template.adapters.kafka_errors import kafka_errors
from python_app_template.adapters.secondary.kafka.checks import asking
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.checks import Check, CheckDoubtful, CheckFailed
from python_app_template.settings import Settings

LEAST_MS = 60_000
"""A topic that keeps records for less than a minute is misconfigured: an unset digit, or the rest of a clean-up."""

FOR_EVER = -1

REMEDY = "change it with kafka-configs.sh --alter"


def checks(settings: Settings, admin: KafkaAdmin) -> list[Check]:
    """Return them in the order in which they make sense."""
    found = [Check("retention", partial(retention, settings, admin))]
    if "worker" in settings.roles:
        found.append(Check("group", partial(group, settings)))
    return found


async def retention(settings: Settings, admin: KafkaAdmin) -> str:
    """Nothing is lost by what the topics are told to throw away: neither records, nor how far was published."""
    kafka, faults, doubts = settings.kafka, [], []
    for name in kafka.topics:
        with asking():
            properties = await _properties(name, admin)
        losses = _losses_of_cursor if name == kafka.positions_topic else _losses
        faults += [f"{name} {why}" for why in losses(properties)]
        doubts += [f"{name} {why}" for why in _haste(properties)]
    if faults:
        raise CheckFailed("; ".join(faults), REMEDY, passing=True)
    if doubts:
        raise CheckDoubtful("; ".join(doubts), REMEDY)
    return "nothing is thrown away that is needed"


async def group(settings: Settings) -> str:
    """The broker answers for our group; who may READ it may ask. That we may join, joining will show.

    (To ask for rights on a group, AdminClient.describe_consumer_groups, ends the process with a failed assertion when
    the connection drops meanwhile: librdkafka's issue 4605.)
    """
    name = settings.kafka.group_id
    try:
        with asking():
            await asyncio.to_thread(_ask_for_offset, settings)
    except CheckFailed as failed:
        if getattr(failed.__cause__, "code", "") != "GROUP_AUTHORIZATION_FAILED":
            raise
        raise CheckFailed(f"no right to READ group {name}", "grant it with kafka-acls.sh", passing=True) from failed
    return name


def _ask_for_offset(settings: Settings) -> None:
    with kafka_errors():
        reader = Consumer(kafka_client.tail_reader(settings), logger=kafka_client.LOGGER)
        try:
            (found,) = reader.committed([TopicPartition(settings.kafka.input_topic, 0)], ANSWER_SECONDS)
            if found.error is not None:
                raise KafkaException(found.error)
        finally:
            reader.close()


async def _properties(name: str, admin: KafkaAdmin) -> Mapping[str, str]:
    resource = Resource(Resource.Type.TOPIC, name)
    (asked,) = admin.client.describe_configs([resource], request_timeout=ANSWER_SECONDS).values()
    try:
        return {key: entry.value for key, entry in (await admin.answer(asked)).items()}
    except TransientError as fault:
        if fault.code != "TOPIC_AUTHORIZATION_FAILED":
            raise
        raise CheckDoubtful(f"{name} can not be looked at: {fault}", "grant DESCRIBE_CONFIGS on it") from fault


def _losses_of_cursor(properties: Mapping[str, str]) -> Iterator[str]:
    if (policy := properties["cleanup.policy"]) != "compact":
        yield f"has cleanup.policy={policy} instead of compact: how far was published would be lost in time"


def _losses(properties: Mapping[str, str]) -> Iterator[str]:
    if "compact" in (policy := properties["cleanup.policy"]):
        yield f"has cleanup.policy={policy}: of the records with one key all but the last would be lost"


def _haste(properties: Mapping[str, str]) -> Iterator[str]:
    """Find what may be meant, and is rather a mistake."""
    if "delete" not in properties["cleanup.policy"]:
        return
    if FOR_EVER < (kept := int(properties["retention.ms"])) < LEAST_MS:
        yield f"keeps records for {kept} ms (retention.ms)"
    if int(properties["retention.bytes"]) == 0:
        yield "keeps nothing (retention.bytes is 0)"
