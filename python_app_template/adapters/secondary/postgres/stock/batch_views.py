"""Batches by their reference, read from the table that decides. Yours."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import each_alone, transaction
from python_app_template.core.ports.views import BatchViews

SKU = text("SELECT sku FROM batches WHERE batch_ref = :batch_ref")


class PostgresBatchViews(BatchViews):
    """As the port says."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = each_alone(engine)

    async def sku(self, batch_ref: str) -> str | None:
        """As the port says."""
        async with transaction(self._engine) as connection:
            found: str | None = await connection.scalar(SKU, {"batch_ref": batch_ref})
            return found
