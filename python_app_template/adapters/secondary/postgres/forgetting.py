"""Forgetting, piece by piece: the domain's part is handed in, delivery's own is what was too large for its topic."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import transaction
from python_app_template.core.ports.forgetting import FIRST, Forgetting, Piece

Forget: TypeAlias = Callable[..., Awaitable[Piece]]
"""A domain's part: (connection, before, after, dry_run=) -> Piece, in the transaction that is open; never commits.

It locks in the order of all, and waits for nobody: what is locked is in use, and stays."""

BEGIN = text("INSERT INTO purges (before) VALUES (:before) RETURNING id")
FINISH = text("UPDATE purges SET finished_at = now() WHERE id = :run")

ADD = text(
    """
    UPDATE purges SET forgotten = (
        SELECT jsonb_object_agg(key, coalesce((forgotten ->> key)::bigint, 0) + value::bigint)
        FROM jsonb_each_text(CAST(:forgotten AS jsonb))
    ) WHERE id = :run
    """
).bindparams(bindparam("forgotten", type_=Text))

COUNT_OVERSIZED = text("SELECT count(*) FROM oversized WHERE kept_at < :before")
FORGET_OVERSIZED = text("DELETE FROM oversized WHERE kept_at < :before")


async def nothing(_connection: AsyncConnection, _before: datetime, _after: str, *, dry_run: bool) -> Piece:  # noqa: ARG001
    """Forget nothing: of a domain that keeps all."""
    return Piece({}, 0, None)


class PostgresForgetting(Forgetting):
    """As the port says."""

    def __init__(self, engine: AsyncEngine, forget: Forget) -> None:
        self._engine, self._forget = engine, forget

    async def begin(self, before: datetime) -> int:
        """As the port says."""
        async with transaction(self._engine) as connection:
            return int(await connection.scalar(BEGIN, {"before": before}))

    async def forget(self, run: int | None, before: datetime, after: str) -> Piece:
        """As the port says."""
        async with transaction(self._engine) as connection:
            oversized = await _oversized(connection, before, dry_run=run is None) if after == FIRST else 0
            piece = await self._forget(connection, before, after, dry_run=run is None)
            piece = piece._replace(forgotten={**piece.forgotten, "oversized": oversized})
            if run is not None:
                counts: Any = msgspec.json.encode(piece.forgotten).decode()
                await connection.execute(ADD, {"run": run, "forgotten": counts})
            return piece

    async def finish(self, run: int) -> None:
        """As the port says."""
        async with transaction(self._engine) as connection:
            await connection.execute(FINISH, {"run": run})


async def _oversized(connection: AsyncConnection, before: datetime, *, dry_run: bool) -> int:
    """Return how many went: the dead letter was written with its bytes, so it is as old."""
    if dry_run:
        return int(await connection.scalar(COUNT_OVERSIZED, {"before": before}) or 0)
    return (await connection.execute(FORGET_OVERSIZED, {"before": before})).rowcount
