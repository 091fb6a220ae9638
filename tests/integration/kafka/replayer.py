"""A process that replays all dead letters, ten in a transaction; settings and failpoints are the environment's."""

import asyncio
import sys

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.dead_letters import KafkaDeadLetters, open_returns
from python_app_template.cli.injecting import reach
from python_app_template.core.delivery.returning import Fate, Letter, Selection
from python_app_template.core.use_cases.replay_dead_letters import Bounds, ReplayDeadLetters
from python_app_template.settings import load
from tests.fakes.dead_letters import FakeOversized


def main() -> None:
    def tell(letter: Letter, fate: Fate) -> None:
        sys.stdout.write(f"{letter.place} {fate}\n")
        sys.stdout.flush()

    settings = load({})
    admin = KafkaAdmin(settings)
    bounds = Bounds(settings.kafka.input_topic, chunk=10)
    opener = open_returns(settings, admin, reach=reach(settings))
    replay = ReplayDeadLetters(KafkaDeadLetters(settings, admin), opener, FakeOversized(), bounds, tell)
    asyncio.run(replay(Selection()))


main()
