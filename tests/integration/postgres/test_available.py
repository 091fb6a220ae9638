"""Of SKUs with many batches the first ones are loaded, and the rest where lines may come to it: the same comes out."""

import json
import random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.stock.available import FIRST
from python_app_template.audit.model import Model, Received
from python_app_template.core.domain.commands import CreateBatch, Line, PlaceOrder
from python_app_template.core.domain.stock import Wanted
from tests.integration.postgres.test_equivalence import assert_tables_are, process, without_time
from tests.integration.postgres.test_stock import load
from tests.shop import Body, Shop, assert_sound, bought, cancelled, changed, events, placed

pytestmark = pytest.mark.servers

MANY = 3 * FIRST


def purchases(qty: int) -> list[Body]:
    """Many batches of one SKU, two a day; those of the last references are preferred."""
    return [bought(f"b{n:02}", "S", qty, f"2030-01-{28 - n // 2:02}") for n in range(MANY)]


FIRST_REFS = sorted(f"b{n:02}" for n in range(MANY - FIRST, MANY))


async def loaded(shop: Shop, *quantities: int, **more: Any) -> list[str]:
    """The batches that are in hand to decide an order of these quantities."""
    order = PlaceOrder("o", tuple(Line("S", qty) for qty in quantities), None, None)
    return sorted((await load(shop, Wanted(placed={"o": order}, skus={"S": min(quantities)}, **more))).batches)


async def test_only_the_first_are_loaded_while_no_line_can_pass_them_by(engine: AsyncEngine) -> None:
    shop = await Shop(engine).claim()
    await shop.send(*purchases(3))
    everything = sorted(str(body["batch_ref"]) for body in purchases(3))
    assert await loaded(shop, 2) == FIRST_REFS
    assert await loaded(shop, *[1] * 3 * FIRST) == FIRST_REFS
    assert await loaded(shop, *[1] * (3 * FIRST + 1)) == everything
    assert await loaded(shop, *[3] * (FIRST // 3 + 1)) == everything
    assert await loaded(shop, 2, changed={"b00": 3}) == everything, "who knows what comes off"
    new = CreateBatch("new", "S", 1000, None)
    assert await loaded(shop, *[1] * 3 * FIRST, created={"new": new}) == everything, "it may come after the order"


@pytest.mark.parametrize("seed", range(4))
async def test_however_few_are_loaded_the_contract_comes_out(engine: AsyncEngine, seed: int) -> None:
    """Batches are used up, made, made again, changed and given back among messages of one transaction."""
    chance = random.Random(seed)
    large = bought("large", "S", 1000, "2031-12-31")
    bodies = [large, *purchases(3)]
    for n in range(90):
        bodies.append(placed(f"o{n}", *[("S", chance.choice([1, 1, 2, 3])) for _ in range(chance.randint(1, 3))]))
        if n % 8 == 0:
            bodies += [cancelled(f"o{chance.randint(0, n)}"), chance.choice([large, cancelled("unknown")])]
        if n % 6 == 0:
            bodies.append(bought(f"new{n}", "S", 4, chance.choice([None, "2030-01-15", "2031-01-01"])))
        if n % 40 == 39:
            bodies.append(changed(f"b{chance.randrange(MANY):02}", chance.randint(0, 8)))
    received = [Received(0, offset, json.dumps(body).encode()) for offset, body in enumerate(bodies)]
    stocked, size = 1 + MANY, [10, 40, 80, 150][seed]
    then = [received[at : at + size] for at in range(stocked, len(received), size)]
    await process(engine, [received[:stocked], *then])
    model = Model("raw-push")
    outcomes = model.run(received)
    assert [without_time(e) for e in await events(engine)] == [e for o in outcomes for e in o.events]
    await assert_sound(engine)
    await assert_tables_are(engine, model)
