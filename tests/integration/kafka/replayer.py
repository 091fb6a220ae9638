"""A process that replays all dead letters, ten in a transaction, and kills itself where it is told to.

Arguments: a point, and at which time of reaching it. Settings come from the environment.
"""

import asyncio
import os
import signal
import sys

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.dead_letters import KafkaDeadLetters, open_returns
from python_app_template.core.delivery.returning import Fate, Letter, Selection
from python_app_template.core.use_cases.replay_dead_letters import Bounds, ReplayDeadLetters
from python_app_template.settings import load
from tests.fakes.dead_letters import FakeOversized


def main(deadly: str, times: int) -> None:
    left = times

    def reach(point: str) -> None:
        nonlocal left
        left -= point == deadly
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(letter: Letter, fate: Fate) -> None:
        sys.stdout.write(f"{letter.place} {fate}\n")
        sys.stdout.flush()

    settings = load({})
    admin = KafkaAdmin(settings)
    bounds = Bounds(settings.kafka.input_topic, chunk=10)
    opener = open_returns(settings, admin, reach=reach)
    replay = ReplayDeadLetters(KafkaDeadLetters(settings, admin), opener, FakeOversized(), bounds, tell)
    asyncio.run(replay(Selection()))


main(sys.argv[1], int(sys.argv[2]))
