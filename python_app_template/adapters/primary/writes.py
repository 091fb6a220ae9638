"""What people ask to be changed, as messages: one way for REST and GraphQL. YOURS."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from python_app_template.adapters.primary.web.bodies import Judge, fault, strict
from python_app_template.adapters.primary.web.guard import Caller
from python_app_template.adapters.primary.web.problems import invalid, not_found
from python_app_template.adapters.primary.web.uuids import uuid7
from python_app_template.adapters.primary.web.waiting import Waiting
from python_app_template.adapters.wire.messages import (
    BatchCreated,
    BatchQuantityChanged,
    Body,
    Id,
    OrderCancelled,
    OrderPlaced,
    is_plain,
)
from python_app_template.adapters.wire.strict_json import control_character, parse
from python_app_template.core.access.ownership import owner_for, reaches
from python_app_template.core.access.policy import AllowedOwn, Granted
from python_app_template.core.access.refusals import Forbidden
from python_app_template.core.delivery.commands import Place, Standing, Status
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.domain.views import OrderView, StockView
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.commands import Outgoing
from python_app_template.core.ports.views import BatchViews, OrderViews, StockViews
from python_app_template.core.use_cases.submit_message import SubmitMessage

PlaceOrder: Final = strict(OrderPlaced, "PlaceOrder", optional=["order_id"])
CreateBatch: Final = strict(BatchCreated, "CreateBatch")
ChangeBatch: Final = strict(BatchQuantityChanged, "ChangeBatch", without=["batch_ref"])

JUDGE: Final = Judge(parse, control_character, is_plain)

ORDERS, STOCK = "orders", "stock"
"""Kinds of commands, as the policy names them."""


class Unacknowledged(Exception):
    """Nobody knows whether the message was taken; repeating it under the same id is harmless."""

    def __init__(self, names: Mapping[str, str], fault: TransientError) -> None:
        super().__init__(f"{fault}")
        self.names = names


@dataclass(frozen=True, slots=True)
class Written:
    """A message that the broker has: its place, its command's id, and what it is about."""

    place: Place
    command_id: str
    kind: str
    names: Mapping[str, str]
    """`order_id` or `batch_ref`."""


class Result(NamedTuple):
    """What has become of a write; `order` or `stock` as it now is, once it is applied."""

    standing: Standing
    order: OrderView | None = None
    stock: StockView | None = None


class Writes:
    """Judged by the messages' own rules, then sent. Raises Problem, Forbidden, Unacknowledged, TransientError."""

    def __init__(
        self,
        submit: SubmitMessage,
        waiting: Waiting,
        clock: Clock,
        orders: OrderViews,
        stock: StockViews,
        batches: BatchViews,
    ) -> None:
        """`stock` reads the tables that decide, so that it shows what was applied just now."""
        self._submit, self._waiting, self._clock = submit, waiting, clock
        self._orders, self._stock, self._batches = orders, stock, batches

    async def place_order(self, caller: Caller, body: object) -> Written:
        """Place an order; who may place their own alone becomes its customer."""
        asked: Any = JUDGE.fit(body, PlaceOrder)
        order_id = str(uuid7(self._clock.now())) if asked.order_id is None else asked.order_id
        customer_id = owner_for(granted_to(caller), asked.customer_id)
        message = OrderPlaced(order_id, asked.lines, customer_id, asked.placed_at)
        try:
            message.command()
        except ValueError as error:  # no instant
            raise invalid(fault(error)) from error
        return await self._send(caller, ORDERS, message, order_id=order_id)

    async def cancel_order(self, caller: Caller, order_id: str) -> Written:
        """Cancel it; what is somebody else's, or not known yet, is not there for whoever may cancel their own alone."""
        JUDGE.name(order_id, Id, "order_id")
        granted = granted_to(caller)
        if isinstance(granted, AllowedOwn):
            order = (await self._orders.orders([order_id])).get(order_id)
            if order is None or not reaches(granted, order.customer_id):
                raise not_found("order")
        return await self._send(caller, ORDERS, OrderCancelled(order_id), order_id=order_id)

    async def create_batch(self, caller: Caller, body: object) -> Written:
        """Make a batch known."""
        asked: Any = JUDGE.fit(body, CreateBatch)
        message = BatchCreated(asked.batch_ref, asked.sku, asked.qty, asked.eta)
        return await self._send(caller, STOCK, message, batch_ref=asked.batch_ref)

    async def change_batch(self, caller: Caller, batch_ref: str, body: object) -> Written:
        """Change a batch's purchased quantity."""
        JUDGE.name(batch_ref, Id, "batch_ref")
        asked: Any = JUDGE.fit(body, ChangeBatch)
        return await self._send(caller, STOCK, BatchQuantityChanged(batch_ref, asked.qty), batch_ref=batch_ref)

    async def result(self, written: Written, seconds: float) -> Result:
        """Wait so long at most for what becomes of it."""
        standing = await self._waiting.until_decided(written.place, seconds)
        if standing.status is not Status.APPLIED:
            return Result(standing)
        try:
            return Result(standing, *await self._as_it_is(written))
        except TransientError:  # it is applied, whether or not it can be shown
            return Result(standing)

    async def _as_it_is(self, written: Written) -> tuple[OrderView | None, StockView | None]:
        if written.kind == ORDERS:
            order_id = written.names["order_id"]
            return (await self._orders.orders([order_id])).get(order_id), None
        sku = await self._batches.sku(written.names["batch_ref"])
        return None, None if sku is None else (await self._stock.stock([sku])).get(sku)

    async def _send(self, caller: Caller, kind: str, message: Body, **names: str) -> Written:
        (key,) = names.values()
        outgoing = Outgoing(key.encode(), msgspec.json.encode(message), caller.headers)
        try:
            submitted = await self._submit(outgoing, kind, caller.id)
        except TransientError as fault:
            raise Unacknowledged(names, fault) from fault
        return Written(submitted.place, submitted.command_id, kind, names)


def granted_to(caller: Caller) -> Granted:
    """Return what was granted for the one action that it was about."""
    if caller.granted is None:
        raise Forbidden("nobody may do this")
    return caller.granted
