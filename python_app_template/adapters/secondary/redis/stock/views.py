"""Stock as people are shown it, read from its copy. Yours."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from python_app_template.adapters.secondary.redis.connection import Script
from python_app_template.core.domain.views import BatchView, StockView
from python_app_template.core.ports.stock_copy import NotCurrent
from python_app_template.core.ports.views import Page, StockViews, Window
from python_app_template.settings import RedisSettings

HERE = Path(__file__).parent
READS = [HERE / "reads.lua", HERE / "layout.lua", HERE / "current.lua"]

WHY_NOT = {
    "unready": "no generation is ready",
    "behind": "the copy is behind for longer than APP_REDIS__STALE_SECONDS",
    "torn": "parts of the copy are missing; `python-app-template views rebuild` makes it anew",
}


def head(settings: RedisSettings) -> str:
    """Return the key that all others begin with."""
    return f"{settings.prefix}:stock"


class RedisStockViews(StockViews):
    """One call each, so one moment. Raises NotCurrent, too. Not `fresh`, it may be of any age."""

    def __init__(self, client: Redis, settings: RedisSettings, *, fresh: bool = True) -> None:
        self._keys, self._seconds = [head(settings)], settings.timeout_seconds
        self._oldest = round(settings.stale_seconds * 1000) if fresh else 0
        self._stock, self._page = Script(client, *READS, HERE / "stock.lua"), Script(client, *READS, HERE / "page.lua")

    async def stock(self, skus: Collection[str]) -> Mapping[str, StockView]:
        """As the port says."""
        if not skus:
            return {}
        asked = list(dict.fromkeys(skus))
        (rows,) = await self._ask(self._stock, {"skus": asked})
        return {sku: shown(sku, row) for sku, row in zip(asked, rows, strict=True) if row}

    async def page(self, window: Window) -> Page[StockView]:
        """As the port says."""
        order = {
            "after": window.after if window.after is not None else False,
            "before": window.before if window.before is not None else False,
            "limit": window.limit,
            "backward": window.backward,
        }
        skus, rows, has_previous, has_next = await self._ask(self._page, order)
        return Page(tuple(map(shown, skus, rows)), has_previous, has_next)

    async def _ask(self, script: Script, order: Mapping[str, Any]) -> Sequence[Any]:
        answer: Sequence[Any]
        why, *answer = await script(self._keys, {**order, "oldest": self._oldest}, self._seconds)
        if why:
            raise NotCurrent(f"Redis: {WHY_NOT[why]}", code=why)
        return answer


def shown(sku: str, row: Sequence[str]) -> StockView:
    """Return the view of a SKU's hash, which comes as field, value, field, value, ... .

    Between a change of quantity and the lines that it takes off, a batch may have more allocated than bought.
    """
    fields = dict(zip(row[::2], row[1::2], strict=True))
    batches = sorted(_batches(fields), key=preference)
    return StockView(sku, int(fields["v"]), sum(batch.available for batch in batches), tuple(batches))


def preference(batch: BatchView) -> tuple[int, str]:
    """As they are allocated: warehouse stock first, which is before any `eta`, then by reference, by code point."""
    return batch.eta.toordinal() if batch.eta else 0, batch.batch_ref


def _batches(fields: Mapping[str, str]) -> Iterable[BatchView]:
    for field, purchased in fields.items():
        if field[0] == "p":
            ref, units = field[1:], int(purchased)
            eta = fields[f"e{ref}"]
            available = max(units - int(fields.get(f"a{ref}", 0)), 0)
            yield BatchView(ref, units, available, date.fromisoformat(eta) if eta else None)
