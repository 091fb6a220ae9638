"""Who may do what to orders and stock. YOURS: the actions that the API knows, its scopes, and the one policy."""

from enum import StrEnum
from typing import Final

from python_app_template.core.access.policy import Action, Anyone, Policy, Rule, Who


class Scope(StrEnum):
    """What a token may hold."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_READ_OWN = "orders:read:own"
    ORDERS_WRITE_OWN = "orders:write:own"
    STOCK_READ = "stock:read"
    STOCK_WRITE = "stock:write"


PLACE_ORDER: Final = Action("order", "place")
CANCEL_ORDER: Final = Action("order", "cancel")
READ_ORDER: Final = Action("order", "read")
LIST_ORDERS: Final = Action("orders", "list")
CREATE_BATCH: Final = Action("batch", "create")
CHANGE_BATCH: Final = Action("batch", "change")
READ_STOCK: Final = Action("stock", "read")
LIST_STOCK: Final = Action("stock", "list")
READ_ORDERS_COMMAND: Final = Action("command about orders", "read")
READ_STOCK_COMMAND: Final = Action("command about stock", "read")
SUBSCRIBE: Final = Action("events", "subscribe")
ASK_GRAPHQL: Final = Action("GraphQL", "ask")
"""To be answered at all; each field then asks for itself."""
SEE_HEALTH: Final = Action("health", "see")
SEE_METRICS: Final = Action("metrics", "see")
SEE_DOCS: Final = Action("pages", "see")
"""`/docs` and GraphiQL: files of a package, without data."""
SEE_OPENAPI: Final = Action("openapi.json", "see")

COMMANDS: Final = {"orders": READ_ORDERS_COMMAND, "stock": READ_STOCK_COMMAND}
"""What it is to read a command of this kind."""

ALL_SCOPES: Final = frozenset(Scope)


LONGEST_ID: Final = 64


def is_customer_id(text: str) -> bool:
    """Tell whether a subject can stand in an order: the contract's rule for ids (control character: Unicode's Cc)."""
    return 1 <= len(text) <= LONGEST_ID and not any(sign < " " or "\x7f" <= sign <= "\x9f" for sign in text)


def _any_of(*scopes: Scope) -> Who:
    return frozenset(scopes)


PUBLIC: Final = Rule(Anyone.EVERYBODY)

POLICY: Final = Policy(
    {
        PLACE_ORDER: Rule(_any_of(Scope.ORDERS_WRITE), own=_any_of(Scope.ORDERS_WRITE_OWN)),
        CANCEL_ORDER: Rule(_any_of(Scope.ORDERS_WRITE), own=_any_of(Scope.ORDERS_WRITE_OWN)),
        READ_ORDER: Rule(_any_of(Scope.ORDERS_READ), own=_any_of(Scope.ORDERS_READ_OWN)),
        LIST_ORDERS: Rule(_any_of(Scope.ORDERS_READ), own=_any_of(Scope.ORDERS_READ_OWN)),
        CREATE_BATCH: Rule(_any_of(Scope.STOCK_WRITE)),
        CHANGE_BATCH: Rule(_any_of(Scope.STOCK_WRITE)),
        READ_STOCK: Rule(_any_of(Scope.STOCK_READ)),
        LIST_STOCK: Rule(_any_of(Scope.STOCK_READ)),
        READ_ORDERS_COMMAND: Rule(_any_of(Scope.ORDERS_READ, Scope.ORDERS_WRITE), own=Anyone.EVERY_SUBJECT),
        READ_STOCK_COMMAND: Rule(_any_of(Scope.STOCK_READ, Scope.STOCK_WRITE), own=Anyone.EVERY_SUBJECT),
        SUBSCRIBE: Rule(_any_of(Scope.ORDERS_READ)),
        ASK_GRAPHQL: Rule(Anyone.EVERY_SUBJECT),
        SEE_HEALTH: PUBLIC,
        SEE_METRICS: PUBLIC,
        SEE_DOCS: PUBLIC,
        SEE_OPENAPI: PUBLIC,
    },
    may_own=is_customer_id,
    unfit="the token's sub can not be a customer_id: that has 1 to 64 characters, and no control characters",
)
