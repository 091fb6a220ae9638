"""What the API answers, as OpenAPI describes it. YOURS."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from python_app_template.adapters.primary.writes import Result, Written
from python_app_template.core.delivery.commands import Standing, Status
from python_app_template.core.domain.views import OrderView, StockView

StatusName = Literal["pending", "applied", "dead_lettered", "skipped", "unknown"]


class CommandAnswer(Struct):
    """What has become of a command; `reason` and `detail` of a dead letter."""

    command_id: str
    status: StatusName
    reason: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET


class OrderCommandAnswer(CommandAnswer, kw_only=True):
    """A command about an order; the order as it now is, once it is applied."""

    order_id: str
    order: OrderView | UnsetType = UNSET


class BatchCommandAnswer(CommandAnswer, kw_only=True):
    """A command about a batch; its SKU's stock as it now is, once it is applied."""

    batch_ref: str
    stock: StockView | UnsetType = UNSET


class Orders(Struct):
    """A stretch of the list; `next` goes on where it ends."""

    items: tuple[OrderView, ...]
    next: str | None


class Stocks(Struct):
    """A stretch of the list; `next` goes on where it ends."""

    items: tuple[StockView, ...]
    next: str | None


class ProblemFault(Struct):
    """What is wrong with one value; `pointer` is a JSON Pointer."""

    pointer: str
    detail: str


class ProblemDocument(Struct):
    """Why a request is refused (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemFault]


class UnacknowledgedDocument(ProblemDocument, kw_only=True):
    """Nobody knows whether the message was taken: sending it again under the same id is harmless."""

    outcome: Literal["unknown"] | UnsetType = UNSET
    order_id: str | UnsetType = UNSET
    batch_ref: str | UnsetType = UNSET


def command(command_id: str, standing: Standing) -> CommandAnswer:
    """Return what is said of a command."""
    return CommandAnswer(command_id, **_said(standing))


def written(write: Written, result: Result) -> CommandAnswer:
    """Return what is said of a write."""
    said = _said(result.standing) | dict(write.names)
    if "order_id" in write.names:
        return OrderCommandAnswer(write.command_id, **said, order=UNSET if result.order is None else result.order)
    return BatchCommandAnswer(write.command_id, **said, stock=UNSET if result.stock is None else result.stock)


def _said(standing: Standing) -> dict[str, Any]:
    said: dict[str, Any] = {"status": standing.status.value}
    if standing.status is Status.DEAD_LETTERED and standing.why is not None:
        said |= {"reason": standing.why.reason, "detail": standing.why.detail}
    return said


def schemas(*types: Any) -> Mapping[str, Any]:
    """Return the JSON Schemas of these types and of all that they are made of, by name."""
    _, found = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return found
