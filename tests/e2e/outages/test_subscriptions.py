"""Those who follow a SKU while the broker is killed or frozen, or the topic is another one."""

import pytest

from python_app_template.embedded import EmbeddedKafka
from python_app_template.settings import Settings
from tests.clients import World, batch, order
from tests.e2e.conftest import Launch
from tests.e2e.test_api import JWT
from tests.e2e.test_graphql import subscriber

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(240)]

ROUNDS, ORDERS = 3, 50


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_reader_hears_each_event_once_whatever_becomes_of_the_broker(
    launch: Launch, world: World, kafka: EmbeddedKafka, how: str
) -> None:
    service = launch(APP_ROLES="api,worker,relay", APP_RETRY__LONGEST_SECONDS="0.5", **JWT).until_ready()
    with subscriber(service) as reader:
        reader.subscribe("CHAIR")
        world.send(batch("b", "CHAIR", 10**6))
        heard = [event["id"] for event in reader.events(1)]
        for number in range(ROUNDS):
            world.send(*(order(f"{number}-{n}", ("CHAIR", 1)) for n in range(ORDERS)))
            if how == "killed":
                kafka.kill()
                kafka.restart()
            else:
                kafka.pause()
                kafka.resume()
            world.send(*(order(f"{number}+{n}", ("CHAIR", 1)) for n in range(ORDERS)))
            heard += [event["id"] for event in reader.events(2 * ORDERS)]
        assert heard == [f"CHAIR/{version}" for version in range(1, 2 + 2 * ROUNDS * ORDERS)]


def test_when_the_topic_is_another_one_readers_are_told(launch: Launch, world: World, settings: Settings) -> None:
    service = launch(APP_ROLES="api,worker,relay", **JWT).until_ready()
    with subscriber(service) as reader:
        reader.subscribe("CHAIR")
        world.add_partitions(settings.kafka.output_topic, 5)
        code, reason = reader.closed()
        assert (code, reason) == (1011, "events may have been missed: partitions_changed")
    assert service.lines("listeners.missed")
