"""What befalls the input topic's log: compaction before the service comes, retention behind it."""

import json
import random
from dataclasses import replace

from python_app_template.audit.evidence import Evidence, Record
from python_app_template.settings import Settings
from tests.chaos.schedule import Fault, Plan
from tests.clients import World
from tests.compaction import compact
from tests.sql import run_sql
from tests.streams import stream

POSITIONS = "SELECT coalesce(json_object_agg(partition, next_offset), '{}') FROM positions"
COMPACTED = 60
"""Messages in each partition, of which those are compacted away that have a later one of the same key."""


class LogFaults:
    """Keeps what retention takes, for the checker."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database.url.get_secret_value()
        self._world = World(settings)
        self._taken: dict[tuple[int, int], Record] = {}

    def compacted(self, plan: Plan) -> int:
        """Let each partition begin with gaps. Later compaction would take what nobody has read yet."""
        chance = random.Random(f"{plan.seed}/{plan.number}/compacted")
        drawn = [(value, key, ()) for value, key, _ in stream(chance, COMPACTED, orders=20) if value and key]
        partitions = range(self._world.kafka.input_partitions)
        assert compact(self._world, drawn, partitions), "nothing was compacted away"
        return len(partitions)

    def retention(self, _: Fault) -> int:
        """It takes what is consumed, and nothing else: that would need a person."""
        positions = {int(number): offset for number, offset in json.loads(run_sql(self._url, POSITIONS)).items()}
        there = self._world.read_to_end(self._world.kafka.input_topic)
        consumed = [Record(*record) for record in there if record.offset < positions.get(record.partition, 0)]
        if not consumed:
            return 0
        self._taken |= {(record.partition, record.offset): record for record in consumed}
        self._world.delete_records({record.partition: record.offset + 1 for record in sorted(consumed, key=place)})
        return 1

    def whole(self, evidence: Evidence) -> Evidence:
        """Put back what retention took."""
        messages = self._taken | {(message.partition, message.offset): message for message in evidence.messages}
        log = evidence.message_log._replace(starts={})
        return replace(evidence, messages=sorted(messages.values(), key=place), message_log=log)


def place(record: Record) -> tuple[int, int]:
    """Where it stands."""
    return record.partition, record.offset
