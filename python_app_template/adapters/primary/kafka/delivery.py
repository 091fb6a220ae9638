"""What the poll thread hands over: a batch, or more of it, and of which runs it is."""

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from python_app_template.adapters.primary.kafka.lanes import Run
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.signals import Fetched

C = TypeVar("C")


class Delivery(NamedTuple, Generic[C]):
    """A batch or a part of one, and of which run each partition's part of it is."""

    fetched: Fetched[C]
    runs: Mapping[Partition, Run]
    begins: bool
    """Whether it is a batch's beginning, not more of the one before."""

    def continues(self, other: "Delivery[C]") -> bool:
        """Whether it is more of that batch, and may be taken as if both had come at once."""
        return not self.begins and not self.fetched.resumed and self.runs == other.runs

    def followed_by(self, others: Sequence["Delivery[C]"]) -> "Delivery[C]":
        """Return it with those that continue it."""
        parts = [self.fetched, *(other.fetched for other in others)]
        messages = [message for part in parts for message in part.messages]
        ends = {partition: end for part in parts for partition, end in part.ends.items()}
        return self._replace(fetched=Fetched(messages, ends, self.fetched.resumed))
