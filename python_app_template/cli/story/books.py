"""The closing check: the audit of everything that happened, and what stock it leaves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from python_app_template.audit.checker import Findings, examine
from python_app_template.settings import Settings

WAIT_SECONDS = 20.0
"""How long the relay may take to publish what is committed."""


class Batch(NamedTuple):
    """What became of a batch."""

    ref: str
    sku: str
    purchased: int
    eta: str | None
    allocated: int

    @property
    def free(self) -> int:
        """Units that are left."""
        return self.purchased - self.allocated


@dataclass(frozen=True)
class Books:
    """What the audit found."""

    findings: Findings = field(default_factory=Findings)

    @property
    def violations(self) -> Sequence[str]:
        """What can not be, a line each."""
        return [str(violation) for violation in self.findings.violations]

    @property
    def skus(self) -> int:
        """How many SKUs there are."""
        return len(self.findings.books.versions)

    def stock(self) -> Sequence[Batch]:
        """Return the batches, by SKU and in the order in which they are allocated."""
        batches = sorted(self.findings.books.batches.values(), key=lambda b: (b.sku, b.preference))
        return [Batch(b.batch_ref, b.sku, b.purchased, b.eta, b.allocated) for b in batches]


def balance(settings: Settings) -> Books:
    """Audit the service, as the command of that name does. Raises CommandFailed."""
    from python_app_template.cli.gathering import gather  # noqa: PLC0415 - slow to import: no other command waits
    from python_app_template.service import READ_TABLES  # noqa: PLC0415 - likewise

    return Books(examine(asyncio.run(gather(settings, READ_TABLES, WAIT_SECONDS)).evidence))
