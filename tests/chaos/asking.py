"""What is asked over HTTP during a round: writes from a seed, and how each was answered."""

import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from tests.chaos.answers import Outcome, Write
from tests.chaos.fleet import Member
from tests.chaos.schedule import Plan
from tests.clients import Body
from tests.streams import body_by

ASKERS = 4
PAUSE_SECONDS = 0.15
"""Between two requests of one who asks, on average."""

WAITS = (None, None, 0, 0.5, 2)
"""What `wait` may be; None: it is not there."""

ANSWER_SECONDS = 25.0
"""More than a process is frozen for, what an acknowledgement and the longest wait take; faults overlap."""


class Call(NamedTuple):
    """A request."""

    method: str
    path: str
    json: Mapping[str, Any] | None
    names: Mapping[str, str]
    """What the message is about, where who asks says so."""


def call_of(message: Body, chance: random.Random) -> Call:
    """Return the request that leads to this message; an order now and then without its id."""
    body = {name: value for name, value in message.items() if name != "type"}
    match message["type"]:
        case "order.placed" if chance.random() < 0.3:
            return Call("POST", "/v1/orders", {"lines": body["lines"]}, {})
        case "order.placed":
            return Call("POST", "/v1/orders", body, {"order_id": body["order_id"]})
        case "order.cancelled":
            return Call("DELETE", f"/v1/orders/{quote(body['order_id'], safe='')}", None, body)
        case "batch.created":
            return Call("POST", "/v1/batches", body, {"batch_ref": body["batch_ref"]})
    path = f"/v1/batches/{quote(body['batch_ref'], safe='')}"
    return Call("PATCH", path, {"qty": body["qty"]}, {"batch_ref": body["batch_ref"]})


class Asking:
    """Asks whoever serves the API, on threads of its own, until it is stopped."""

    def __init__(self, plan: Plan, members: Sequence[Member]) -> None:
        self._members = [member for member in members if member.is_asked]
        self._seed = f"{plan.seed}/{plan.number}/asking"
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=[number], daemon=True) for number in range(ASKERS)]
        self._ports: dict[int, int] = {}
        self.writes: list[Write] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Return when everything is answered."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    @property
    def acknowledged(self) -> int:
        """How many messages are known to be on the topic."""
        return sum(write.outcome is Outcome.ACKNOWLEDGED for write in self.writes)

    def _ask(self, number: int) -> None:
        chance = random.Random(f"{self._seed}/{number}")
        with httpx.Client(timeout=ANSWER_SECONDS) as client:
            for request_id in self._ticks(chance, number):
                call = call_of(body_by(chance), chance)
                wait, port = chance.choice(WAITS), self._port(chance)
                if port is not None:
                    query = "" if wait is None else f"?wait={wait}"
                    self._send(client, f"http://127.0.0.1:{port}{call.path}{query}", call, request_id)

    def _ticks(self, chance: random.Random, number: int) -> Iterator[str]:
        count = 0
        while not self._stopped.wait(chance.uniform(0, 2 * PAUSE_SECONDS)):
            count += 1
            yield f"{number}.{count}"

    def _send(self, client: httpx.Client, url: str, call: Call, request_id: str) -> None:
        try:
            answer = client.request(call.method, url, json=call.json, headers={"x-request-id": request_id})
        except httpx.ConnectError:
            return  # nobody was there
        except httpx.TransportError:
            self.writes.append(Write(request_id, Outcome.UNKNOWN, call.names))
            return
        write = written(call, request_id, answer)
        self.writes.append(write)
        if write.outcome is Outcome.REFUSED:
            self._stopped.wait(float(answer.headers["retry-after"]))

    def _port(self, chance: random.Random) -> int | None:
        """Where one of them listens; None: it is about to start or to end."""
        service = chance.choice(self._members).service
        if not service.running:
            return None
        if service.pid not in self._ports:
            try:
                self._ports[service.pid] = service.port
            except LookupError:
                return None
        return self._ports[service.pid]


def written(call: Call, request_id: str, answer: httpx.Response) -> Write:
    """Return what an answer says of a write."""
    said = answer.json() if answer.content else {}
    match answer.status_code:
        case HTTPStatus.ACCEPTED:
            names = {name: said[name] for name in ("order_id", "batch_ref") if name in said}
            return Write(request_id, Outcome.ACKNOWLEDGED, names, said["command_id"], said["status"])
        case HTTPStatus.SERVICE_UNAVAILABLE if said.get("outcome") == "unknown":
            return Write(request_id, Outcome.UNKNOWN, call.names or {"order_id": said["order_id"]})
        case HTTPStatus.SERVICE_UNAVAILABLE if said.get("code") == "unavailable":
            return Write(request_id, Outcome.REFUSED, call.names)  # it has begun, and does not serve it yet
    return Write(request_id, Outcome.WRONG, call.names, said=f"{answer.status_code} {answer.text}")
