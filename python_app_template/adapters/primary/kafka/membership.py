"""Whether librdkafka finds its group: told by its own statistics, as no error says that it has stopped looking."""

import msgspec

STATISTICS_MS = 1000
"""Milliseconds between two statistics."""

FOUND = "up"
"""What librdkafka calls the state in which the group's coordinator is known and connected (STATISTICS.md, `cgrp`)."""


class _Group(msgspec.Struct):
    state: str = FOUND


class _Statistics(msgspec.Struct):
    cgrp: _Group | None = None


_decoder = msgspec.json.Decoder(_Statistics)


class Membership:
    """What became of the group's coordinator. `now` is in monotonic seconds."""

    def __init__(self) -> None:
        self._missed_since: float | None = None

    def note(self, statistics: str, now: float) -> None:
        """Take in librdkafka's statistics (JSON). Fit for callbacks: it only notes."""
        group = _decoder.decode(statistics).cgrp
        if group is None or group.state == FOUND:
            self._missed_since = None
        elif self._missed_since is None:
            self._missed_since = now

    def missed_for(self, now: float) -> float:
        """Return for how many seconds the coordinator has not been found; 0: it is."""
        since = self._missed_since  # another thread notes
        return 0.0 if since is None else now - since
