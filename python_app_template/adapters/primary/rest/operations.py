"""The API as a table: the contract's section 9, line by line. YOURS."""

from typing import Any, Final

from python_app_template.adapters.primary.rest import answers
from python_app_template.adapters.primary.rest.handlers import FIRST, LONGEST_WAIT, MOST
from python_app_template.adapters.primary.web.operations import Operation, Parameter, document
from python_app_template.adapters.primary.writes import ChangeBatch, CreateBatch, PlaceOrder
from python_app_template.adapters.wire.messages import NO_CONTROLS
from python_app_template.core.access import rules

_ID: Final = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": NO_CONTROLS}


def _name(name: str, says: str) -> Parameter:
    return Parameter(name, "path", _ID, says)


COMMAND_ID: Final = Parameter(
    "command_id", "path", {"type": "string", "minLength": 1, "maxLength": 100}, "As the write's answer gave it"
)
WAIT: Final = Parameter(
    "wait",
    "query",
    {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0},
    "Seconds for which the answer is held until the command is no longer pending",
)
AFTER_COMMAND: Final = Parameter(
    "after_command", "query", {"type": "string", "minLength": 1, "maxLength": 100}, "Not before this one is applied"
)
CUSTOMER_ID: Final = Parameter("customer_id", "query", _ID, "Of this customer alone")
PAGE: Final = (
    Parameter(
        "first", "query", {"type": "integer", "minimum": 1, "maximum": MOST, "default": FIRST}, "Items, at the most"
    ),
    Parameter("after", "query", {"type": "string", "minLength": 1}, "The list's `next`, to go on where it ended"),
)

ORDERS, STOCK, COMMANDS = "Orders", "Stock", "Commands"
TAGS: Final = {
    ORDERS: "Placed, cancelled, and what has become of their lines",
    STOCK: "Batches bought, and what is left of each SKU",
    COMMANDS: "What has become of a write",
}

OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/orders",
        "place_order",
        ORDERS,
        "Place an order",
        [rules.PLACE_ORDER],
        202,
        "OrderCommandAnswer",
        [WAIT],
        body="PlaceOrder",
    ),
    Operation(
        "DELETE",
        "/v1/orders/{order_id:str}",
        "cancel_order",
        ORDERS,
        "Cancel an order",
        [rules.CANCEL_ORDER],
        202,
        "OrderCommandAnswer",
        [_name("order_id", "The order's"), WAIT],
        refusals=[404, 422],
    ),
    Operation(
        "POST",
        "/v1/batches",
        "create_batch",
        STOCK,
        "Make a batch known",
        [rules.CREATE_BATCH],
        202,
        "BatchCommandAnswer",
        [WAIT],
        body="CreateBatch",
    ),
    Operation(
        "PATCH",
        "/v1/batches/{batch_ref:str}",
        "change_batch",
        STOCK,
        "Change a batch's purchased quantity",
        [rules.CHANGE_BATCH],
        202,
        "BatchCommandAnswer",
        [_name("batch_ref", "The batch's"), WAIT],
        body="ChangeBatch",
    ),
    Operation(
        "GET",
        "/v1/commands/{command_id:str}",
        "command",
        COMMANDS,
        "What has become of a command",
        [rules.READ_ORDERS_COMMAND, rules.READ_STOCK_COMMAND],
        200,
        "CommandAnswer",
        [COMMAND_ID, WAIT],
        refusals=[404, 422],
    ),
    Operation(
        "GET",
        "/v1/orders",
        "orders",
        ORDERS,
        "List orders by their id, in code point order",
        [rules.LIST_ORDERS],
        200,
        "Orders",
        [*PAGE, CUSTOMER_ID, AFTER_COMMAND],
        refusals=[404, 422],
    ),
    Operation(
        "GET",
        "/v1/orders/{order_id:str}",
        "order",
        ORDERS,
        "Show an order",
        [rules.READ_ORDER],
        200,
        "OrderView",
        [_name("order_id", "The order's"), AFTER_COMMAND],
        refusals=[404, 422],
    ),
    Operation(
        "GET",
        "/v1/stock",
        "stocks",
        STOCK,
        "List stock by SKU, in code point order",
        [rules.LIST_STOCK],
        200,
        "Stocks",
        [*PAGE, AFTER_COMMAND],
        refusals=[404, 422],
    ),
    Operation(
        "GET",
        "/v1/stock/{sku:str}",
        "stock",
        STOCK,
        "Show what is left of a SKU",
        [rules.READ_STOCK],
        200,
        "StockView",
        [_name("sku", "What it is the stock of"), AFTER_COMMAND],
        refusals=[404, 422],
    ),
)


def openapi(title: str, version: str) -> dict[str, Any]:
    """Return the document: the bodies are the messages' own structs."""
    schemas = answers.schemas(
        PlaceOrder,
        CreateBatch,
        ChangeBatch,
        answers.CommandAnswer,
        answers.OrderCommandAnswer,
        answers.BatchCommandAnswer,
        answers.Orders,
        answers.Stocks,
        answers.ProblemDocument,
        answers.UnacknowledgedDocument,
    )
    return document(
        OPERATIONS, TAGS, schemas, rules.POLICY, title=title, version=version, unacknowledged="UnacknowledgedDocument"
    )
