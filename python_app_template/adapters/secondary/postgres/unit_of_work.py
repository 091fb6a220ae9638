"""One Postgres transaction: positions first, the domain's repository, the outbox row last."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.secondary.postgres import positions
from python_app_template.adapters.secondary.postgres.engine import connect, give_back
from python_app_template.adapters.secondary.postgres.outbox import Format, PostgresOutbox
from python_app_template.adapters.secondary.postgres.repository import OpenRepository
from python_app_template.adapters.secondary.postgres.sqlstates import ERRORS, classify, is_lost_connection
from python_app_template.core.delivery.faults import CommitInDoubt
from python_app_template.core.delivery.messages import Span
from python_app_template.core.delivery.positions import Position
from python_app_template.core.ports.unit_of_work import UnitOfWork

E = TypeVar("E")
W = TypeVar("W")
S = TypeVar("S")


class PostgresUnitOfWork(UnitOfWork[E, W, S], Generic[E, W, S]):
    """Entered once, left once. `committed` is called after a commit that has something to publish."""

    def __init__(
        self,
        engine: AsyncEngine,
        repository: OpenRepository[W, S],
        form: Format,
        committed: Callable[[], None],
    ) -> None:
        self._engine, self._open_repository, self._form, self._committed = engine, repository, form, committed
        self._connection: AsyncConnection
        self._at_work = False
        self._doubt: CommitInDoubt | None = None

    async def __aenter__(self) -> Self:
        """Connect and begin. Raises TransientError, FatalError."""
        self._connection = await connect(self._engine)
        self.store = self._repository = self._open_repository(self._connection)
        self.outbox = self._outbox = PostgresOutbox[E](self._connection, self._form)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the connection back, rolled back unless committed; what the driver raised inside becomes a fault."""
        await asyncio.shield(give_back(self._connection, error or self._doubt))
        if isinstance(error, ERRORS):
            raise classify(error, at_work=self._at_work) from error

    async def advance(self, spans: Sequence[Span]) -> Sequence[Position]:
        """As the port says. A connection that turns out to be dead here was so before: that is no message's doing."""
        unmoved = await positions.advance(self._connection, spans)
        self._at_work = True
        return unmoved

    async def commit(self) -> None:
        """As the port says."""
        await self._write()
        publishes = await self._outbox.flush()
        try:
            await self._connection.commit()
        except ERRORS as error:
            if not is_lost_connection(error):
                raise
            code = getattr(classify(error), "code", "unknown")
            self._doubt = CommitInDoubt("the connection was lost while COMMIT was under way", code=code)
            raise self._doubt from error
        if publishes:
            self._committed()

    async def _write(self) -> None:
        """Write differences, and meanwhile make the outbox's rows: the database takes about as long for its part."""
        both = await asyncio.gather(self._repository.flush(), self._outbox.prepare(), return_exceptions=True)
        for fault in both:  # both are over, whichever failed
            if fault is not None:
                raise fault
