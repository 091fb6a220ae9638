"""The demo's order over HTTP, and what can be asked by hand while it all goes on. YOURS."""

import shlex
import sys
from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from python_app_template.adapters.wire.messages import Line, OrderPlaced
from python_app_template.cli.running import Running
from python_app_template.cli.story.tale import told
from python_app_template.cli.story.telling import Teller
from python_app_template.core.domain.views import LineView, OrderView

ORDER = OrderPlaced("order-6", [Line("RED-CHAIR", 1)])
EVENTS = 1
"""That come of it."""
PATH = "/v1/orders?wait=10"
ASK = 'curl -s -H "Authorization: Bearer $TOKEN"'
SEND = f'{ASK} -H "Content-Type: application/json"'

FOLLOW = """{python} - <<'END'
import json, os
from websockets.sync.client import connect

url = os.environ["URL"].replace("http", "ws", 1) + "/graphql"
with connect(url, subprotocols=["graphql-transport-ws"]) as socket:
    token = {{"Authorization": "Bearer " + os.environ["TOKEN"]}}
    socket.send(json.dumps({{"type": "connection_init", "payload": token}}))
    print(socket.recv())
    query = 'subscription {{ events(sku: "RED-CHAIR") {{ type version orderId qty batchRef }} }}'
    socket.send(json.dumps({{"id": "1", "type": "subscribe", "payload": {{"query": query}}}}))
    for message in socket:
        print(message)
END"""


class _Answer(msgspec.Struct):
    """What matters here of what comes back."""

    status: str
    order: OrderView | None = None


def place(service: Running, tell: Teller, token: str) -> None:
    """Place an order over HTTP, and tell what the answer says. Raises CommandFailed when it is not applied."""
    body = msgspec.json.encode({"order_id": ORDER.order_id, "lines": ORDER.lines})
    path, _, waits = PATH.partition("?")
    tell.sent(f"POST {path}", f"{told(ORDER)[1]}; {waits}")
    status, text = service.post(PATH, body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    answer = msgspec.json.decode(text, type=_Answer) if status == HTTPStatus.ACCEPTED else None
    if answer is None or answer.order is None:
        raise service.fault(f"answered {status}: {text}")
    lines = ", ".join(map(_said, answer.order.lines))
    tell.answered(f"{status} {answer.status}", f"{answer.order.order_id}: {lines}")


def commands() -> Sequence[tuple[str, str]]:
    """Return what can be asked, each with its words; `$URL` and `$TOKEN` are to be set."""
    order = """-d '{"lines":[{"sku":"RED-CHAIR","qty":1},{"sku":"BLUE-LAMP","qty":9}]}'"""
    query = """-d '{"query":"{ stocks(first: 3) { edges { node { sku available } } } }"}'"""
    return (
        (
            "an order, answered once it is decided; its second line is out of stock, which is mailed",
            f'{SEND} "$URL{PATH}" {order}',
        ),
        ("stock, as Redis has it", f'{ASK} "$URL/v1/stock/RED-CHAIR"'),
        ("who answered: Redis, or PostgreSQL in its place", 'curl -s "$URL/metrics" | grep ^app_view_reads_total'),
        ("GraphQL", f'{SEND} "$URL/graphql" {query}'),
        (
            "a SKU's events as they come, a subscription; then place orders",
            FOLLOW.format(python=shlex.quote(sys.executable)),
        ),
    )


def _said(line: LineView) -> str:
    return f"{line.qty} {line.sku} {line.status.replace('_', ' ')}" + (
        f" from {line.batch_ref}" if line.batch_ref else ""
    )
