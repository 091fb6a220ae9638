"""A broker, and what tests do to it."""

import pytest

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.settings import Settings
from tests.broker import NO_DATABASE, Broker
from tests.servers import Kafka
from tests.surroundings import Topics, settings_for


@pytest.fixture(scope="session")
def broker(kafka: Kafka) -> Broker:
    return Broker(kafka.bootstrap_servers)


@pytest.fixture
def kafka_settings(kafka: Kafka, topics: Topics) -> Settings:
    """Settings that lead to the test's own topics, and to no database."""
    return settings_for(kafka, NO_DATABASE, topics)


@pytest.fixture
def admin(kafka_settings: Settings) -> KafkaAdmin:
    return KafkaAdmin(kafka_settings)
