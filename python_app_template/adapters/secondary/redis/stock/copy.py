"""The copy of stock as its projector writes it. Yours. Where what lies: `layout.lua`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from python_app_template.adapters.secondary.redis.connection import Script
from python_app_template.adapters.secondary.redis.stock.views import head
from python_app_template.core.delivery.following import Place
from python_app_template.core.domain.projection import Change
from python_app_template.core.ports.stock_copy import Displaced, Standing, StockCopy
from python_app_template.settings import RedisSettings

HERE = Path(__file__).parent

LEASE_SECONDS = 5.0
"""Who moves what is read from is missed after so long. Safety does not rest on it: each write proves its owner."""

IDLE_SECONDS = 60.0
"""A generation that nobody built for so long is given up."""

PATIENCE_SECONDS = 10.0
"""A write is given longer than a read: nobody waits for it, and it may be large."""

SWEPT = 500
"""Keys that are forgotten in one call: readers wait for it."""


class RedisStockCopy(StockCopy):
    """Each call is one script. A token of its own tells this writer from every other, also from its own former life."""

    def __init__(self, client: Redis, settings: RedisSettings, lease_seconds: float = LEASE_SECONDS) -> None:
        self._keys = [head(settings)]
        self._owner = uuid4().hex
        self._lease = round(lease_seconds * 1000)
        self._short = settings.timeout_seconds
        self._seconds = max(settings.timeout_seconds, PATIENCE_SECONDS)
        shared = HERE / "writes.lua", HERE / "layout.lua"
        names = ("claim", "release", "begin", "move", "swap", "sweep")
        self._scripts = {name: Script(client, *shared, HERE / f"{name}.lua") for name in names}

    async def claim(self) -> Standing | None:
        """As the port says."""
        found = await self._run("claim", owner=self._owner, lease=self._lease)
        if not found:
            return None
        row, generation = found
        fields = dict(zip(row[::2], row[1::2], strict=True))
        if "topic_id" not in fields:
            return Standing()
        offsets = {int(name[1:]): int(value) for name, value in fields.items() if name[0] == "o"}
        return Standing(generation, Place(fields["topic_id"], offsets))

    async def release(self) -> None:
        """As the port says."""
        await self._scripts["release"](self._keys, {"owner": self._owner}, self._short)  # somebody waits for our end

    async def begin(self, place: Place) -> str:
        """As the port says."""
        generation = uuid4().hex
        await self._run("begin", generation=generation, topic_id=place.topic_id, offsets=_flat(place.offsets))
        return generation

    async def move(
        self, generation: str, place: Place, offsets: Mapping[int, int], changes: Iterable[Change], age: float
    ) -> Mapping[str, int]:
        """As the port says."""
        answer, *rest = await self._run(
            "move",
            generation=generation,
            owner=self._owner,
            lease=self._lease,
            topic_id=place.topic_id,
            before=_flat(place.offsets),
            after=_flat(offsets),
            changes=list(map(_written, changes)),
            age=round(age * 1000) if age >= 0 else -1,
        )
        if answer == "displaced":
            raise Displaced(f"Redis: {rest[0]}", code="displaced")
        versions = rest[0] if rest else []
        return dict(zip(versions[::2], versions[1::2], strict=True))

    async def swap(self, generation: str) -> bool:
        """As the port says."""
        answer, *rest = await self._run("swap", generation=generation)
        if answer == "displaced":
            raise Displaced(f"Redis: {rest[0]}", code="displaced")
        return bool(answer == "swapped")

    async def sweep(self) -> None:
        """As the port says."""
        while await self._run("sweep", idle=round(IDLE_SECONDS * 1000), keys=SWEPT):
            pass

    async def _run(self, name: str, **order: Any) -> Any:
        return await self._scripts[name](self._keys, order, self._seconds)


def _flat(offsets: Mapping[int, int]) -> list[str]:
    return [text for number, offset in offsets.items() for text in (f"o{number}", str(offset))]


def _written(change: Change) -> list[Any]:
    fields = [text for ref, units in change.purchased.items() for text in (f"p{ref}", str(units))]
    for ref, eta in change.etas.items():
        fields += (f"e{ref}", eta.isoformat() if eta else "")
    differences = [text for ref, units in change.allocated.items() if units for text in (f"a{ref}", str(units))]
    base = False if change.base is None else str(change.base)
    return [change.sku, base, str(change.version), fields, differences]
