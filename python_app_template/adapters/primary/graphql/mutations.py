"""What fields of `Mutation` do: the same writes as the REST API's, judged by the same rules. YOURS."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from ariadne import MutationType, ObjectType

from python_app_template.adapters.primary.graphql.context import context
from python_app_template.adapters.primary.graphql.errors import BAD_INPUT, Refusal
from python_app_template.adapters.primary.graphql.payloads import WriteShown
from python_app_template.adapters.primary.writes import Written
from python_app_template.core.access.ownership import reaches
from python_app_template.core.access.policy import Granted
from python_app_template.core.access.rules import READ_ORDER
from python_app_template.core.domain.views import OrderView

LONGEST_WAIT: Final = 30
"""Seconds."""

mutation = MutationType()
payload = ObjectType("WritePayload")


@mutation.field("placeOrder")
async def place_order(
    _: object,
    info: Any,
    granted: Granted,
    *,
    input: Mapping[str, Any],  # noqa: A002 - its name in the schema
    wait: float | None = None,
) -> WriteShown:
    """Place an order."""
    seconds, here = _seconds(wait), context(info)
    written = await here.services.writes.place_order(await here.caller(granted), input)
    return await _shown(info, written, seconds)


@mutation.field("cancelOrder")
async def cancel_order(
    _: object, info: Any, granted: Granted, *, order_id: str, wait: float | None = None
) -> WriteShown:
    """Cancel an order."""
    seconds, here = _seconds(wait), context(info)
    written = await here.services.writes.cancel_order(await here.caller(granted), order_id)
    return await _shown(info, written, seconds)


@mutation.field("createBatch")
async def create_batch(
    _: object,
    info: Any,
    granted: Granted,
    *,
    input: Mapping[str, Any],  # noqa: A002 - likewise
    wait: float | None = None,
) -> WriteShown:
    """Make a batch known."""
    seconds, here = _seconds(wait), context(info)
    written = await here.services.writes.create_batch(await here.caller(granted), input)
    return await _shown(info, written, seconds)


@mutation.field("changeBatchQuantity")
async def change_batch_quantity(
    _: object, info: Any, granted: Granted, *, batch_ref: str, qty: int, wait: float | None = None
) -> WriteShown:
    """Change a batch's purchased quantity."""
    seconds, here = _seconds(wait), context(info)
    written = await here.services.writes.change_batch(await here.caller(granted), batch_ref, {"qty": qty})
    return await _shown(info, written, seconds)


@payload.field("order")
def order(written: WriteShown, info: Any) -> OrderView | None:
    """Return the order, for whoever may read it."""
    granted = context(info).grant(READ_ORDER)
    shown = written.order
    return shown if shown is not None and reaches(granted, shown.customer_id) else None


async def _shown(info: Any, written: Written, seconds: float) -> WriteShown:
    return WriteShown.of(written, await context(info).services.writes.result(written, seconds))


def _seconds(wait: float | None) -> float:
    seconds = wait or 0.0
    if not isfinite(seconds) or not 0 <= seconds <= LONGEST_WAIT:
        raise Refusal(BAD_INPUT, f"wait: {seconds:g} is out of range; allowed: 0 to {LONGEST_WAIT} seconds")
    return seconds
