"""The checks before the start, and the topics as the command line shows and makes them."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka import checks, keeping, topics
from python_app_template.adapters.secondary.kafka.publisher import open_publisher
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.ports.checks import CheckDoubtful, CheckFailed
from python_app_template.settings import Settings
from tests.broker import NO_DATABASE, Broker
from tests.clients import World
from tests.servers import Kafka
from tests.surroundings import Topics, settings_for

pytestmark = pytest.mark.servers


@pytest.fixture
def nothing_there(kafka: Kafka, broker: Broker) -> Iterator[Settings]:
    """Settings that name topics which do not exist."""
    number = uuid4()
    names = Topics(*(f"{name}-{number}" for name in Topics._fields))
    settings = settings_for(kafka, NO_DATABASE, names, kafka__input_partitions=2)
    yield settings
    broker.delete(*(t for t in names if broker.exists(t)))


async def found(settings: Settings, admin: KafkaAdmin) -> dict[str, str | CheckFailed]:
    """Make all checks."""
    answers: dict[str, str | CheckFailed] = {}
    for check in [*checks.checks(settings, admin), *keeping.checks(settings, admin)]:
        try:
            answers[check.name] = await check.look()
        except CheckFailed as e:
            answers[check.name] = e
    return answers


async def test_all_is_well(kafka_settings: Settings, admin: KafkaAdmin) -> None:
    answers = await found(kafka_settings, admin)
    assert not [answer for answer in answers.values() if isinstance(answer, CheckFailed)]
    assert answers["transactions"] == "allowed"
    assert answers["group"] == kafka_settings.kafka.group_id


async def test_what_is_missing_is_made_and_nothing_else_changed(nothing_there: Settings) -> None:
    admin = KafkaAdmin(nothing_there)
    missing = (await found(nothing_there, admin))["topics"]
    assert isinstance(missing, CheckFailed)
    assert missing.passing
    made = await topics.create(nothing_there, admin)
    assert list(made) == [topic.name for topic in await topics.describe(nothing_there, admin)]
    assert not [a for a in (await found(nothing_there, admin)).values() if isinstance(a, CheckFailed)]
    ids = [topic.found for topic in await topics.describe(nothing_there, admin)]
    assert [topic.partitions for topic in ids if topic] == [2, 3, 3, 1]
    assert list(await topics.create(nothing_there, admin)) == []
    assert [topic.found for topic in await topics.describe(nothing_there, admin)] == ids


async def test_another_number_of_partitions_is_named(kafka: Kafka, topics: Topics) -> None:
    settings = settings_for(kafka, NO_DATABASE, topics, kafka__output_partitions=5)
    wrong = (await found(settings, KafkaAdmin(settings)))["topics"]
    assert isinstance(wrong, CheckFailed)
    assert "3 partitions instead of 5" in wrong.found
    assert not wrong.passing


async def test_a_dead_letter_topic_that_takes_too_little_is_named(nothing_there: Settings, broker: Broker) -> None:
    broker.create(nothing_there.kafka.dead_letter_topic, 3)
    admin = KafkaAdmin(nothing_there)
    await topics.create(nothing_there, admin)
    small = (await found(nothing_there, admin))["dead letters' size"]
    assert isinstance(small, CheckFailed)
    assert str(1048588 + 65536) in small.remedy


async def test_a_topic_that_takes_less_than_is_packed_together_is_named(
    nothing_there: Settings, broker: Broker
) -> None:
    broker.create(nothing_there.kafka.output_topic, 3, {"max.message.bytes": "20000"})
    admin = KafkaAdmin(nothing_there)
    await topics.create(nothing_there, admin)
    small = (await found(nothing_there, admin))["packing"]
    assert isinstance(small, CheckFailed)
    assert "20000" in small.found


async def test_a_transaction_longer_than_the_broker_allows_is_named(kafka_settings: Settings) -> None:
    longer = kafka_settings.kafka.model_copy(update={"transaction_timeout_ms": 1_000_000})
    settings = kafka_settings.model_copy(update={"kafka": longer})
    refused = (await found(settings, KafkaAdmin(settings)))["transactions"]
    assert isinstance(refused, CheckFailed)
    assert "APP_KAFKA__TRANSACTION_TIMEOUT_MS" in refused.remedy
    assert not refused.passing


@pytest.mark.parametrize(
    ("which", "name", "value", "found"),
    [
        ("positions_topic", "cleanup.policy", "delete", "instead of compact"),
        ("positions_topic", "cleanup.policy", "compact,delete", "instead of compact"),
        ("input_topic", "cleanup.policy", "compact", "all but the last would be lost"),
        ("output_topic", "cleanup.policy", "compact,delete", "all but the last would be lost"),
        ("dead_letter_topic", "retention.ms", "0", "keeps records for 0 ms"),
        ("input_topic", "retention.bytes", "0", "keeps nothing"),
    ],
)
async def test_a_topic_that_would_lose_what_it_holds_is_named(
    kafka_settings: Settings, admin: KafkaAdmin, which: str, name: str, value: str, found: str
) -> None:
    topic = getattr(kafka_settings.kafka, which)
    await asyncio.to_thread(World(kafka_settings).set_property, topic, name, value)
    loss = await first_loss(kafka_settings, admin)
    assert isinstance(loss, CheckFailed) == (name == "cleanup.policy"), "what may be meant is only doubtful"
    assert loss.found.startswith(topic)
    assert found in loss.found


async def first_loss(settings: Settings, admin: KafkaAdmin) -> CheckFailed | CheckDoubtful:
    """What is found; the broker that is asked hears of it a moment later."""
    async with asyncio.timeout(20):
        while True:
            try:
                await keeping.retention(settings, admin)
            except (CheckFailed, CheckDoubtful) as loss:
                return loss


async def test_records_may_be_kept_for_ever(kafka_settings: Settings, admin: KafkaAdmin) -> None:
    await asyncio.to_thread(World(kafka_settings).set_property, kafka_settings.kafka.input_topic, "retention.ms", "-1")
    assert await keeping.retention(kafka_settings, admin)


async def test_two_that_probe_at_once_do_not_disturb_each_other(kafka_settings: Settings) -> None:
    for _ in range(3):
        assert await asyncio.gather(*(checks.transactions(kafka_settings) for _ in range(4))) == ["allowed"] * 4


async def test_a_check_shuts_no_relay_out(kafka_settings: Settings, admin: KafkaAdmin) -> None:
    async with open_publisher(kafka_settings, "at-work", admin)() as relay:
        await found(kafka_settings, admin)
        await relay.publish((), Cursor(1, "row-1"))


async def test_a_broker_that_is_away_is_waited_for(kafka_settings: Settings) -> None:
    away = kafka_settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    settings = kafka_settings.model_copy(update={"kafka": away})
    with pytest.raises(CheckFailed) as failed:
        await checks.broker(settings, KafkaAdmin(settings, answer_seconds=0.5))
    assert failed.value.passing


async def test_a_property_that_does_not_exist_is_not_waited_for(kafka_settings: Settings) -> None:
    odd = kafka_settings.kafka.model_copy(update={"client": {"no.such": "property"}})
    with pytest.raises(CheckFailed, match="such configuration property") as failed:
        await checks.transactions(kafka_settings.model_copy(update={"kafka": odd}))
    assert not failed.value.passing
