"""The database."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from python_app_template.settings.kinds import DatabaseUrl, Seconds, Url
from python_app_template.settings.sections.section import Section


class Database(Section):
    """PostgreSQL: where it is, and how long anything there may take."""

    url: Url = DatabaseUrl("postgresql+asyncpg://postgres@127.0.0.1:5432/postgres")
    """Address; `?ssl=verify-full` encrypts (trusted authorities: `PGSSLROOTCERT`). A direct one, no pooling proxy."""
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 5
    """Connections that are kept open."""
    connect_timeout_seconds: Seconds = 5
    """Seconds for a new connection."""
    statement_timeout_seconds: Seconds = 30
    """Seconds for a statement."""
    lock_timeout_seconds: Seconds = 10
    """Seconds for a lock, in a commit too; less than for a statement."""
    idle_in_transaction_timeout_seconds: Seconds = 30
    """Seconds that a transaction may wait for this service."""
    transaction_timeout_seconds: Seconds = 60
    """Seconds for a transaction, where the server knows how (PostgreSQL 17 and later)."""

    def contradictions(self) -> Iterator[str]:
        """Time-outs of which the shorter would never be reached."""
        if self.lock_timeout_seconds >= self.statement_timeout_seconds:
            yield "APP_DATABASE__LOCK_TIMEOUT_SECONDS: not less than APP_DATABASE__STATEMENT_TIMEOUT_SECONDS"
        if self.statement_timeout_seconds > self.transaction_timeout_seconds:
            yield "APP_DATABASE__STATEMENT_TIMEOUT_SECONDS: more than APP_DATABASE__TRANSACTION_TIMEOUT_SECONDS"
