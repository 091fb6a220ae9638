"""The copy of stock held against the tables, while both go on. Yours."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from python_app_template.core.domain.views import StockView
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.views import StockViews, Window

PAGE: Final = 500
LOOK_AGAIN: Final = 0.1
"""Seconds between two looks at what moves."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A SKU of which the copy says something else. `kind`: `missing`, `extra`, `behind`, `ahead` or `different`."""

    kind: str
    sku: str
    tables: StockView | None
    copy: StockView | None


@dataclass(slots=True)
class Verified:
    """What was found. `moving` SKUs never had equal versions, though the copy followed: they are not judged."""

    equal: int = 0
    moving: int = 0
    differences: list[Difference] = field(default_factory=list)


class VerifyStock:
    """SKU by SKU at equal versions; those that differ in their version are looked at again for a while.

    At equal versions all has to be equal. A copy that did not come, in all that time, to the version that the tables
    had at first is a difference, and so is one that the tables did not come to.
    """

    def __init__(self, copy: StockViews, tables: StockViews, clock: Clock, wait_seconds: float) -> None:
        self._copy, self._tables, self._clock, self._wait = copy, tables, clock, wait_seconds

    async def __call__(self) -> Verified:
        """Look at all of both sides. Raises TransientError."""
        found = Verified()
        first = await self._look_at_all(found)
        until, unequal = self._clock.monotonic() + self._wait, dict(first)
        while unequal and self._clock.monotonic() < until:
            await self._clock.sleep(LOOK_AGAIN)
            unequal = await self._look(list(unequal), found)
        for sku, now in unequal.items():
            self._judge(sku, first[sku], now, found)
        return found

    async def _look_at_all(self, found: Verified) -> dict[str, "Pair"]:
        unequal: dict[str, Pair] = {}
        window: Window | None = Window(PAGE)
        while window is not None:
            page = await self._tables.page(window)
            skus = [stock.sku for stock in page.items]
            unequal |= await self._look(skus, found)
            window = Window(PAGE, after=skus[-1]) if skus and page.has_next else None
        return unequal | await self._extra(found)

    async def _extra(self, found: Verified) -> dict[str, "Pair"]:
        unequal: dict[str, Pair] = {}
        window: Window | None = Window(PAGE)
        while window is not None:
            page = await self._copy.page(window)
            skus = [stock.sku for stock in page.items]
            known = await self._tables.stock(skus)
            unequal |= await self._look([sku for sku in skus if sku not in known], found)
            window = Window(PAGE, after=skus[-1]) if skus and page.has_next else None
        return unequal

    async def _look(self, skus: Collection[str], found: Verified) -> dict[str, "Pair"]:
        """Return those that are not at equal versions, and note the others."""
        copy, tables = await self._copy.stock(skus), await self._tables.stock(skus)
        unequal = {}
        for sku in skus:
            pair = Pair(tables.get(sku), copy.get(sku))
            if pair.tables_version != pair.copy_version:
                unequal[sku] = pair
            elif pair.tables == pair.copy:
                found.equal += 1
            else:
                found.differences.append(Difference("different", sku, pair.tables, pair.copy))
        return unequal

    def _judge(self, sku: str, first: "Pair", now: "Pair", found: Verified) -> None:
        if now.copy_version < first.tables_version:
            kind = "behind" if now.copy else "missing"
        elif now.tables_version < first.copy_version:
            kind = "ahead" if now.tables else "extra"
        else:
            found.moving += 1
            return
        found.differences.append(Difference(kind, sku, now.tables, now.copy))


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of a SKU, looked at one after the other."""

    tables: StockView | None
    copy: StockView | None

    @property
    def tables_version(self) -> int:
        """0: it is not there."""
        return self.tables.version if self.tables else 0

    @property
    def copy_version(self) -> int:
        """0: it is not there."""
        return self.copy.version if self.copy else 0
