"""What fields of `Subscription` bring. YOURS."""

from collections.abc import AsyncIterator
from typing import Any

from ariadne import ObjectType, SubscriptionType

from python_app_template.adapters.primary.graphql.context import context
from python_app_template.adapters.primary.writes import JUDGE
from python_app_template.adapters.wire.events import Body
from python_app_template.adapters.wire.messages import Id
from python_app_template.core.access.policy import Granted

subscription = SubscriptionType()
event = ObjectType("Event")


@subscription.source("events")  # type: ignore[arg-type] # it takes any asynchronous iterator
def listen(_: object, info: Any, __: Granted, *, sku: str) -> AsyncIterator[Body]:
    """Hear the events of a SKU from now on."""
    JUDGE.name(sku, Id, "sku")
    return context(info).listen(sku)


@subscription.field("events")
def one(heard: Body, _: Any, **__: object) -> Body:
    """Return the event that was heard."""
    return heard


@event.field("type")
def type_of(heard: Body, _: Any) -> str:
    """Return what the record says it is."""
    return str(heard.__struct_config__.tag)
