"""How messages are applied and events published: batches, outbox, retries, breaker."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import ByteSize, Field

from python_app_template.settings.kinds import Bytes, Count, Milliseconds, Seconds
from python_app_template.settings.sections.section import Section


class Consumer(Section):
    """How much is taken in one batch, that is one transaction."""

    batch_size: Annotated[int, Field(ge=1, le=100_000)] = 5000
    """Messages at most."""
    batch_bytes: Bytes = ByteSize(4 * 2**20)
    """Bytes at most."""
    batch_weight: Annotated[int, Field(ge=100, le=10_000_000)] = 20_000
    """Order lines at most (any other message counts as one)."""
    dead_letters_kept_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which the status of a command tells that it became a dead letter, and why."""


class Outbox(Section):
    """What is committed and not yet published."""

    max_pending: Count = 1000
    """Rows (a batch has one or a few); above, consuming pauses."""
    max_pending_bytes: Bytes = ByteSize(2**30)
    """Bytes, before they are compressed; above, consuming pauses."""
    page_bytes: Bytes = ByteSize(8 * 2**20)
    """Bytes that one Kafka transaction publishes, about, before they are compressed."""
    row_bytes: Bytes = ByteSize(4 * 2**20)
    """Bytes of one row, about, before they are compressed; a batch with more is split."""
    poll_interval_ms: Milliseconds = 10
    """Milliseconds between looks for other processes' rows, in quiet 5 times that; those of its own wake it at once."""


class Retry(Section):
    """Waiting between tries while something is away; doubled each time, with jitter."""

    first_seconds: Seconds = 0.1
    """Seconds before the second try."""
    longest_seconds: Seconds = 5
    """Seconds at most."""

    def contradictions(self) -> Iterator[str]:
        """A first wait longer than the longest."""
        if self.first_seconds > self.longest_seconds:
            yield "APP_RETRY__FIRST_SECONDS: more than APP_RETRY__LONGEST_SECONDS"


class Breaker(Section):
    """When messages that fail mean a bad deployment instead of bad data: the service stops (exit code 1)."""

    in_a_row: Count = 100
    """Messages that failed one after the other."""
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    """Share of the window that failed."""
    window: Count = 10_000
    """Messages that the share is of."""
