"""The input topic and what the tables know of it, in memory."""

from collections.abc import Collection, Mapping

from python_app_template.core.delivery.commands import Place, Trace
from python_app_template.core.ports.commands import CommandLog, MessageLog, Outgoing
from tests.fakes.faults import Faults


class FakeMessageLog(MessageLog):
    """One partition."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []
        self.faults = Faults()

    async def append(self, message: Outgoing) -> Place:
        def take() -> Place:
            self.messages.append(message)
            return Place(0, len(self.messages) - 1)

        return self.faults.meet(take)


class FakeCommandLog(CommandLog):
    """What a test says of each partition."""

    def __init__(self, **partitions: Trace) -> None:
        self.partitions = {int(name.removeprefix("p")): trace for name, trace in partitions.items()}
        self.looks = 0
        self.faults = Faults()

    async def consumed(self) -> Mapping[int, int]:
        self.looks += 1
        return self.faults.meet(lambda: {number: trace.next_offset for number, trace in self.partitions.items()})

    async def traces(self, places: Collection[Place]) -> Mapping[Place, Trace]:
        return self.faults.meet(lambda: {place: self.partitions.get(place.partition, Trace(0)) for place in places})
