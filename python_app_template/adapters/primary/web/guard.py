"""Nobody gets to a handler whom the policy does not let in, and no handler is there without an action to ask for."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Guard

from python_app_template.adapters.primary.web.exchange import EXCHANGE, Exchange
from python_app_template.core.access.policy import Action, Granted
from python_app_template.core.access.refusals import Forbidden
from python_app_template.core.access.subject import Subject
from python_app_template.core.delivery.messages import Headers
from python_app_template.core.use_cases.admit import Admit

ACTIONS: Final = "actions"
"""The key of a handler's `opt`: the action that it is; of several the handler itself asks for one, once it knows."""
CALLER: Final = "caller"


class Caller(NamedTuple):
    """Who asks, what they are granted, and the headers that their messages carry."""

    subject: Subject | None
    granted: Granted | None
    """None: the handler has several actions, and asks for one of them."""
    headers: Headers

    @property
    def id(self) -> str | None:
        """Whose commands theirs are."""
        return None if self.subject is None else self.subject.id


def guard(admit: Admit) -> Guard:
    """Return what every request passes through before its handler, once it is known which one that is."""

    async def judge(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        exchange: Exchange = connection.scope[EXCHANGE]  # type: ignore[typeddict-item] # a key of ours
        actions: Sequence[Action] = handler.opt.get(ACTIONS, ())
        if not actions:
            raise Forbidden("nobody may do this")
        if len(actions) == 1:
            subject, granted = await admit(actions[0], exchange.authorization, exchange.address)
            caller = Caller(subject, granted, exchange.headers)
        else:
            caller = Caller(await admit.identify(exchange.authorization, exchange.address), None, exchange.headers)
        connection.scope[CALLER] = caller  # type: ignore[typeddict-unknown-key] # likewise

    return judge
