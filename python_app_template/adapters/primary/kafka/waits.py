"""How long the source and its poll thread wait for what: as in service, unless a test cannot wait so long."""

from typing import NamedTuple


class Waits(NamedTuple):
    """All in seconds."""

    look: float = 1.0
    """Between two looks at the topic's id and its logs' ends: librdkafka does not notice that a topic was made anew."""
    find: float = 10.0
    """For a consumer, beyond its session's time, to find its group again."""
    room: float = 0.5
    """For room, before fetching is paused: a pause throws away what librdkafka has fetched ahead."""
    leave: float = 5.0
    """For the group to be left; then it is let be."""


USUAL = Waits()
