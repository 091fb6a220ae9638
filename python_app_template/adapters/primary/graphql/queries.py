"""What fields of `Query` answer. `granted`: what the policy grants whoever asks, for this field. YOURS."""

from operator import attrgetter
from typing import Any

from ariadne import QueryType

from python_app_template.adapters.primary.graphql.connections import Arguments, Connection, Listing
from python_app_template.adapters.primary.graphql.context import context
from python_app_template.adapters.primary.graphql.payloads import CommandShown
from python_app_template.adapters.primary.writes import JUDGE
from python_app_template.adapters.wire.messages import Id
from python_app_template.core.access.ownership import owner_for, reaches
from python_app_template.core.access.policy import Granted
from python_app_template.core.domain.views import OrderView, StockView
from python_app_template.core.use_cases.see_command import seen

query = QueryType()


@query.field("order")
async def order(_: object, info: Any, granted: Granted, *, order_id: str) -> OrderView | None:
    """Return it, unless it is somebody else's."""
    JUDGE.name(order_id, Id, "order_id")
    found = await context(info).orders.load(order_id)
    return found if found is not None and reaches(granted, found.customer_id) else None


@query.field("orders")
async def orders(
    _: object, info: Any, granted: Granted, *, customer_id: str | None = None, **asked: Any
) -> Connection[OrderView]:
    """Return a stretch of the list: of one customer, when it is asked for or nothing else is granted."""
    if customer_id is not None:
        JUDGE.name(customer_id, Id, "customer_id")
    only = owner_for(granted, customer_id, "customerId")
    listing: Listing[OrderView] = Listing("orders", only, attrgetter("order_id"))
    window, here = listing.window(Arguments(**asked)), context(info)
    async with here.turn:
        return listing.connection(await here.services.orders.page(window, only))


@query.field("stock")
async def stock(_: object, info: Any, __: Granted, *, sku: str) -> StockView | None:
    """Return it, unless no batch ever had the SKU."""
    JUDGE.name(sku, Id, "sku")
    return await context(info).stock.load(sku)


@query.field("stocks")
async def stocks(_: object, info: Any, __: Granted, **asked: Any) -> Connection[StockView]:
    """Return a stretch of the list."""
    listing: Listing[StockView] = Listing("stock", None, attrgetter("sku"))
    window, here = listing.window(Arguments(**asked)), context(info)
    async with here.turn:
        return listing.connection(await here.services.stock.page(window))


@query.field("command")
async def command(_: object, info: Any, __: Granted, *, command_id: str) -> CommandShown | None:
    """Return what became of it, for whoever sent it or may see all of its kind."""
    here = context(info)
    place = seen(here.services.ids, here.grant, here.subject, command_id)
    if place is None:
        return None
    async with here.turn:
        return CommandShown.of(command_id, await here.services.waiting.standing(place))
