"""The batches that lines may come to: of each SKU the first few, and the rest only where these might not do. Yours."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import starmap
from typing import Final

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from python_app_template.adapters.secondary.postgres.stock.load import INTEGERS, TEXTS
from python_app_template.core.domain.commands import Line
from python_app_template.core.domain.product import Batch, preference

FIRST: Final = 16
"""So many batches of a SKU are loaded at first. All of 1,000 SKUs with 1,000 each would take 4 s and 700 MB."""

# Pairs, not two sets: of each SKU the batches that can take its own smallest line, preferred ones first.
BATCHES = text(
    """
    SELECT b.batch_ref, b.sku, b.eta, b.created_qty, b.purchased, b.allocated
    FROM unnest(:skus, :least, :limits) AS w (sku, least, most)
    CROSS JOIN LATERAL (
        SELECT * FROM batches
        WHERE sku = w.sku COLLATE "C" AND open AND purchased - allocated >= w.least
        ORDER BY eta NULLS FIRST, batch_ref LIMIT w.most
    ) b
    UNION
    SELECT b.batch_ref, b.sku, b.eta, b.created_qty, b.purchased, b.allocated
    FROM batches b WHERE b.batch_ref = ANY(:refs)
    """
).bindparams(
    bindparam("skus", type_=TEXTS),
    bindparam("least", type_=INTEGERS),
    bindparam("limits", type_=INTEGERS),
    bindparam("refs", type_=TEXTS),
)


async def load_batches(
    connection: AsyncConnection,
    least: Mapping[str, int],
    refs: Iterable[str],
    *,
    changing: Collection[str],
    new: Collection[str],
    lines: Iterable[Line],
) -> list[Batch]:
    """Return the batches of these SKUs that these lines may come to, and those of these references; none that is new.

    Args:
        least: SKU to the least quantity that has to be free.
        refs: batches that are needed by themselves.
        changing: SKUs of which lines may come off a batch. All that has room is loaded: how many units will be looked
            for there is not known yet.
        new: references of batches that were inserted in this transaction.
        lines: what is to be allocated.
    """
    limits = [None if sku in changing else FIRST for sku in least]
    loaded = await _load(connection, list(least), list(least.values()), limits, sorted(refs))
    if crowded := _crowded(loaded, changing, new):
        scarce = sorted(too_few(crowded, lines))
        rest = (
            await _load(connection, scarce, [least[sku] for sku in scarce], [None] * len(scarce), []) if scarce else []
        )
        loaded = list({batch.batch_ref: batch for batch in (*loaded, *rest)}.values())
    return [batch for batch in loaded if batch.batch_ref not in new]


def too_few(first: Mapping[str, Iterable[Batch]], lines: Iterable[Line]) -> set[str]:
    """Return the SKUs of which a line might pass by all of these first batches.

    It passes a batch by when fewer units are free than it asks for: when the others have taken all but so many. So
    before one passes all of them by, the others have to take `free - largest + 1` units, at the least, from each that
    the largest line would have fitted into.
    """
    largest, asked = dict.fromkeys(first, 0), dict.fromkeys(first, 0)
    for sku, qty in lines:
        if sku in asked:
            asked[sku] += qty
            largest[sku] = max(largest[sku], qty)
    return {
        sku
        for sku, batches in first.items()
        if sum(max(0, b.purchased - b.allocated - largest[sku] + 1) for b in batches) < asked[sku]
    }


def _crowded(loaded: Iterable[Batch], changing: Collection[str], new: Collection[str]) -> dict[str, list[Batch]]:
    """Return the SKUs that may have more batches than were asked for, with the first ones, but for the new."""
    counts = Counter(batch.sku for batch in loaded)
    crowded: dict[str, list[Batch]] = {s: [] for s, count in counts.items() if count >= FIRST and s not in changing}
    if crowded:
        for batch in sorted(loaded, key=preference):
            if batch.sku in crowded:
                crowded[batch.sku].append(batch)
    return {sku: [b for b in batches[:FIRST] if b.batch_ref not in new] for sku, batches in crowded.items()}


async def _load(
    connection: AsyncConnection,
    skus: Sequence[str],
    least: Sequence[int],
    limits: Sequence[int | None],
    refs: Sequence[str],
) -> list[Batch]:
    values = {"skus": skus, "least": least, "limits": limits, "refs": refs}
    return list(starmap(Batch, (await connection.execute(BATCHES, values)).all()))
