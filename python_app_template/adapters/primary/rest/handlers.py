"""What each request does. YOURS."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec
from litestar import Request
from litestar.params import FromPath
from msgspec import Struct

from python_app_template.adapters.primary.rest import answers
from python_app_template.adapters.primary.web.answering import Answer
from python_app_template.adapters.primary.web.bodies import json_body
from python_app_template.adapters.primary.web.cursors import behind, cursor
from python_app_template.adapters.primary.web.guard import CALLER, Caller
from python_app_template.adapters.primary.web.paths import decoded, number, query, whole
from python_app_template.adapters.primary.web.problems import not_found, unavailable
from python_app_template.adapters.primary.web.validators import etag, matches
from python_app_template.adapters.primary.web.waiting import Waiting, is_decided
from python_app_template.adapters.primary.writes import (
    JUDGE,
    ChangeBatch,
    CreateBatch,
    PlaceOrder,
    Unacknowledged,
    Writes,
    Written,
    granted_to,
)
from python_app_template.adapters.wire.messages import Id
from python_app_template.core.access.ownership import owner_for, reaches
from python_app_template.core.delivery.commands import CommandIds, Place
from python_app_template.core.ports.views import OrderViews, StockViews, Window
from python_app_template.core.use_cases.admit import Admit
from python_app_template.core.use_cases.see_command import seen

LONGEST_WAIT = 30
"""Seconds."""
FIRST, MOST = 50, 100
"""Items of a list: where nothing is said, and at most."""
REVALIDATED = "private, no-cache"
"""A browser may keep it, and has to ask each time whether it still holds; nobody else may."""

Asked = Request[Any, Any, Any]


class Views(NamedTuple):
    """Where is read from; `tables` are what decides, `stock` may be a copy of them."""

    orders: OrderViews
    stock: StockViews
    tables: StockViews


class Handlers:
    """One method for each operation."""

    def __init__(self, writes: Writes, views: Views, waiting: Waiting, ids: CommandIds, admit: Admit) -> None:
        self._writes, self._views, self._waiting, self._ids, self._admit = writes, views, waiting, ids, admit

    # --- Writes

    async def place_order(self, request: Asked) -> Answer:
        """POST /v1/orders."""
        seconds = _wait(request, {"wait"})
        return await self._written(
            await _sent(self._writes.place_order(_caller(request), await _body(request, PlaceOrder))), seconds
        )

    async def cancel_order(self, request: Asked, order_id: FromPath[str]) -> Answer:
        """DELETE /v1/orders/{order_id}."""
        seconds = _wait(request, {"wait"})
        return await self._written(await _sent(self._writes.cancel_order(_caller(request), decoded(order_id))), seconds)

    async def create_batch(self, request: Asked) -> Answer:
        """POST /v1/batches."""
        seconds = _wait(request, {"wait"})
        return await self._written(
            await _sent(self._writes.create_batch(_caller(request), await _body(request, CreateBatch))), seconds
        )

    async def change_batch(self, request: Asked, batch_ref: FromPath[str]) -> Answer:
        """PATCH /v1/batches/{batch_ref}."""
        seconds, name = _wait(request, {"wait"}), decoded(batch_ref)
        sending = self._writes.change_batch(_caller(request), name, await _body(request, ChangeBatch))
        return await self._written(await _sent(sending), seconds)

    async def _written(self, written: Written, seconds: float) -> Answer:
        answer = answers.written(written, await self._writes.result(written, seconds))
        headers = {"location": f"/v1/commands/{written.command_id}"}
        return _json(answer, status=202, headers=headers)

    # --- Reads

    async def command(self, request: Asked, command_id: FromPath[str]) -> Answer:
        """GET /v1/commands/{command_id}."""
        seconds = _wait(request, {"wait"})
        place = self._seen(_caller(request), decoded(command_id))
        standing = await self._waiting.standing(place)
        if seconds and not is_decided(standing):
            standing = await self._waiting.until_decided(place, seconds)
        return _json(answers.command(decoded(command_id), standing))

    async def order(self, request: Asked, order_id: FromPath[str]) -> Answer:
        """GET /v1/orders/{order_id}."""
        given, name, caller = _query(request, {"after_command"}), decoded(order_id), _caller(request)
        JUDGE.name(name, Id, "order_id")
        await self._after(caller, given)
        order = (await self._views.orders.orders([name])).get(name)
        if order is None or not reaches(granted_to(caller), order.customer_id):
            raise not_found("order")
        return _shown(request, order)

    async def orders(self, request: Asked) -> Answer:
        """GET /v1/orders."""
        given, caller = _query(request, {"first", "after", "customer_id", "after_command"}), _caller(request)
        asked = given.get("customer_id")
        if asked is not None:
            JUDGE.name(asked, Id, "customer_id")
        customer_id = owner_for(granted_to(caller), asked)
        window = _window(given, "orders", customer_id)
        await self._after(caller, given)
        page = await self._views.orders.page(window, customer_id)
        following = cursor("orders", page.items[-1].order_id, customer_id) if page.has_next else None
        return _shown(request, answers.Orders(page.items, following))

    async def stock(self, request: Asked, sku: FromPath[str]) -> Answer:
        """GET /v1/stock/{sku}."""
        given, name, caller = _query(request, {"after_command"}), decoded(sku), _caller(request)
        JUDGE.name(name, Id, "sku")
        views = await self._after(caller, given)
        found = (await views.stock([name])).get(name)
        if found is None:
            raise not_found("stock")
        return _shown(request, found)

    async def stocks(self, request: Asked) -> Answer:
        """GET /v1/stock."""
        given, caller = _query(request, {"first", "after", "after_command"}), _caller(request)
        window = _window(given, "stock", None)
        views = await self._after(caller, given)
        page = await views.page(window)
        following = cursor("stock", page.items[-1].sku) if page.has_next else None
        return _shown(request, answers.Stocks(page.items, following))

    def _seen(self, caller: Caller, command_id: str) -> Place:
        """Return the command's place, for whoever may see it. Raises Problem (404)."""
        place = seen(self._ids, partial(self._admit.grant, caller.subject), caller.subject, command_id)
        if place is None:
            raise not_found("command")
        return place

    async def _after(self, caller: Caller, given: Mapping[str, str]) -> StockViews:
        """Wait for the command that is to be seen, if there is one; return where stock is then read from."""
        command_id = given.get("after_command")
        if command_id is None:
            return self._views.stock
        place = self._seen(caller, command_id)
        standing = await self._waiting.standing(place)
        if not is_decided(standing):
            standing = await self._waiting.until_decided(place, LONGEST_WAIT)
        if not is_decided(standing):
            raise unavailable(f"command {command_id} is not applied yet", status_of_command="pending")
        return self._views.tables


def _caller(request: Asked) -> Caller:
    caller: Caller = request.scope[CALLER]  # type: ignore[typeddict-item] # a key of ours
    return caller


def _query(request: Asked, allowed: set[str]) -> Mapping[str, str]:
    return query(request.scope["query_string"], allowed)


def _wait(request: Asked, allowed: set[str]) -> float:
    return number(_query(request, allowed), "wait", 0, LONGEST_WAIT, 0)


def _window(given: Mapping[str, str], of: str, only: str | None) -> Window:
    return Window(whole(given, "first", 1, MOST, FIRST), behind(given.get("after"), of, only))


async def _body(request: Asked, struct: type[Struct]) -> object:
    return JUDGE.read(await json_body(request), struct)


async def _sent(sending: Any) -> Written:
    try:
        written: Written = await sending
    except Unacknowledged as fault:
        raise unavailable(f"nobody knows whether it was taken: {fault}", outcome="unknown", **fault.names) from fault
    return written


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(msgspec.json.encode(value), status, headers)


def _shown(request: Asked, value: object) -> Answer:
    body = msgspec.json.encode(value)
    tag = etag(body)
    headers = {"etag": tag, "cache-control": REVALIDATED, "vary": "Authorization, Origin"}
    if matches(request.headers.get("if-none-match"), tag):
        return Answer(b"", 304, headers)
    return Answer(body, headers=headers)
