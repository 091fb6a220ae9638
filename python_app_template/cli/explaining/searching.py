"""Looking for an order in all partitions of a topic, the youngest records of each, side by side."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

from confluent_kafka import Message

from python_app_template.adapters.kafka_admin import Bounds, KafkaAdmin
from python_app_template.adapters.secondary.kafka.dead_letters import received
from python_app_template.adapters.secondary.kafka.reading import logs, pages
from python_app_template.cli.explaining.evidence import Mentions, Searched
from python_app_template.core.delivery.messages import Partition, Record
from python_app_template.settings import Settings


class Search:
    """Of a topic: `most` offsets of each partition. Raises TransientError."""

    def __init__(self, settings: Settings, admin: KafkaAdmin, topic: str, most: int) -> None:
        self._settings, self._admin, self._topic, self._most = settings, admin, topic, most
        self.searched: Sequence[Searched] = ()

    async def begin(self) -> int:
        """Look where the logs begin and end; return how many offsets will be searched."""
        found = await logs(self._admin, self._topic)
        self.searched = [_stretch(partition, bounds, self._most) for partition, bounds in found.items()]
        return sum(one.end - one.searched_from for one in self.searched)

    async def records(self, mentions: Mentions, advance: Callable[[int], None]) -> list[Record]:
        """Return those about the order, partition by partition. `advance` hears of each stretch that is done."""

        async def read(one: Searched) -> list[Record]:
            found, at = [], one.searched_from
            stretch = pages(self._settings, Partition(self._topic, one.partition), at, one.end)
            async with aclosing(stretch) as read_on:
                async for page in read_on:
                    found += [received(message) for message in page if _is_meant(message, mentions)]
                    behind = (page[-1].offset() or 0) + 1
                    advance(behind - at)
                    at = behind
            return found

        return [record for records in await asyncio.gather(*map(read, self.searched)) for record in records]


def _is_meant(message: Message, mentions: Mentions) -> bool:
    key, value = message.key(), message.value()
    return mentions(key, value)


def _stretch(partition: Partition, bounds: Bounds, most: int) -> Searched:
    end = bounds.stable_end
    return Searched(partition.number, bounds.start, max(bounds.start, end - most), end)
