"""Runs the composition, takes one replica away after the other, counts the events, and asks the API about them.

`python tests/docker/smoke.py`: no part of `make test`, since it needs a Docker engine and compose, and takes a minute
or two. `COMPOSE` names another command than `docker compose`. It has a project, volumes and ports of its own, and
removes them.
"""

import json
import os
import re
import shlex
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

ROOT = Path(__file__).parents[2]
COMPOSE = [
    *shlex.split(os.environ.get("COMPOSE", "docker compose")),
    f"--file={ROOT / 'docker-compose.yml'}",
    "--project-name=python-app-template-smoke",
    "--profile=mail",
]
PORTS = {
    "KAFKA_PORT": "19092",
    "POSTGRES_PORT": "15432",
    "HTTP_PORTS": "18000-18001",
    "API_PORT": "18080",
    "MAIL_PORT": "18025",
}
ENVIRONMENT = PORTS | dict(os.environ)

REPLICAS = 2
BATCHES, ORDERS = 10, 200
SKUS = 5
WAIT_SECONDS = 180
SILENCE_SECONDS = 5


def say(what: str) -> None:
    """Tell what is being done, and when."""
    print(time.strftime("%H:%M:%S"), what, flush=True)  # noqa: T201 - for whoever started it


def run(command: Sequence[str], given: str | None = None) -> str:
    """Run a command to its end; return what it printed."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{shlex.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def inspect(container: str) -> dict[str, Any]:
    """Return what the engine knows of a container."""
    return dict(json.loads(run(["docker", "inspect", container]))[0])


def until(what: str, true: Callable[[], bool]) -> None:
    """Wait until it is true."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > WAIT_SECONDS:
            raise SystemExit(f"not within {WAIT_SECONDS} s: {what}")
        time.sleep(0.5)
    say(f"{what}, after {time.monotonic() - began:.1f} s")


def healthy(container: str) -> bool:
    """Tell whether a container runs and is well; one that has ended will never be."""
    state = inspect(container)["State"]
    return bool(state["Status"] == "running" and state["Health"]["Status"] == "healthy")


def produce(container: str, messages: Sequence[dict[str, Any]]) -> None:
    """Send messages with the command line inside a replica."""
    command = ["docker", "exec", "--interactive", container, "python-app-template", "produce"]
    run(command, "".join(json.dumps(message) + "\n" for message in messages))


def events(container: str) -> list[dict[str, Any]]:
    """Read all events that there are, committed ones only."""
    command = f"python-app-template consume --from-beginning --timeout {SILENCE_SECONDS}"
    return [json.loads(line) for line in run(["docker", "exec", container, *command.split()]).splitlines()]


def batches() -> list[dict[str, Any]]:
    """Return stock that is enough for half of the orders below."""
    qty = 3 * ORDERS // 2 // BATCHES
    return [
        {"type": "batch.created", "batch_ref": f"batch-{n}", "sku": f"SKU-{n % SKUS}", "qty": qty}
        for n in range(BATCHES)
    ]


def orders(name: str) -> list[dict[str, Any]]:
    """Return orders of one unit; each call's have ids of their own."""
    return [
        {"type": "order.placed", "order_id": f"{name}-{n}", "lines": [{"sku": f"SKU-{n % SKUS}", "qty": 1}]}
        for n in range(ORDERS)
    ]


def placed(container: str, name: str) -> None:
    """Send orders, and see that each line has one event, no version is missing, and no batch gave more than it had."""
    produce(container, orders(name))
    sent.extend(orders(name))
    decided: list[dict[str, Any]] = []

    def all_decided() -> bool:
        decided[:] = events(container)
        return len(decided) >= BATCHES + len(sent)

    until(f"{len(sent)} orders are decided", all_decided)
    decided.sort(key=lambda event: (event["sku"], event["version"]))
    for sku, group in groupby(decided, key=lambda event: str(event["sku"])):
        versions = [event["version"] for event in group]
        if versions != list(range(1, len(versions) + 1)):
            raise SystemExit(f"{sku}: versions {versions}")
    lines = sorted(event["order_id"] for event in decided if event["type"] != "batch.created")
    if lines != sorted(message["order_id"] for message in sent):
        raise SystemExit(f"{len(lines)} events for {len(sent)} orders")
    allocated = sum(event["type"] == "line.allocated" for event in decided)
    if allocated != min(len(sent), 3 * ORDERS // 2):
        raise SystemExit(f"{allocated} lines allocated")
    say(f"{name}: {len(decided)} events, versions gapless, each line once, {allocated} allocated")


def asked(service: str, path: str, token: str = "", body: object = None) -> dict[str, Any]:
    """Ask what listens on a port of the host."""
    url = f"http://127.0.0.1:{ENVIRONMENT[service]}{path}"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return dict(json.load(answer))


def asked_by_people(api: str, redis: str) -> None:
    """Place an order by REST, look at it by GraphQL, see stock from Redis and without it; all is sold by now."""
    try:
        asked("API_PORT", "/v1/stock/SKU-0")
    except HTTPError as refused:
        say(f"without a token: {refused.code}")
        if refused.code != HTTPStatus.UNAUTHORIZED:
            raise
    else:
        raise SystemExit("the API is open to everybody")
    token = run(["docker", "exec", api, "python-app-template", "token"]).strip()
    line = {"sku": "SKU-0", "qty": 1}
    answer = asked("API_PORT", "/v1/orders?wait=30", token, {"order_id": "by-rest", "lines": [line]})
    if [line["status"] for line in answer["order"]["lines"]] != ["out_of_stock"]:
        raise SystemExit(f"placed by REST: {answer}")
    query = '{ order(orderId: "by-rest") { status lines { sku status } } stock(sku: "SKU-0") { available } }'
    found = asked("API_PORT", "/graphql", token, {"query": query})
    if found != {
        "data": {
            "order": {"status": "placed", "lines": [{"sku": "SKU-0", "status": "out_of_stock"}]},
            "stock": {"available": 0},
        }
    }:
        raise SystemExit(f"seen by GraphQL: {found}")
    shown(api, redis, token)


def shown(api: str, redis: str, token: str) -> None:
    """See that Redis holds the same stock as PostgreSQL, is what the API reads, and may go away."""
    say(run(["docker", "exec", api, "python-app-template", "views", "verify", "--wait=60"]).strip())

    def read_from(backend: str) -> bool:
        before = reads(api, backend)
        stock = asked("API_PORT", "/v1/stock/SKU-0", token)
        if stock["available"] != 0:
            raise SystemExit(f"shown from {backend}: {stock}")
        return reads(api, backend) > before

    until("stock is read from Redis", lambda: read_from("redis"))
    run(["docker", "stop", redis])
    until("stock is read from PostgreSQL, Redis is gone", lambda: read_from("postgres"))


def reads(api: str, backend: str) -> float:
    """Return how often the API has read stock from there."""
    metrics = run(["docker", "exec", api, "python", "-c", METRICS]).splitlines()
    return sum(float(line.split()[-1]) for line in metrics if READ_FROM.format(backend) in line)


def mailed() -> int:
    """Return how many lines the mails name that have come."""
    mails = asked("MAIL_PORT", "/api/v1/messages?limit=500")["messages"]
    digests = [re.fullmatch(r"Out of stock: ([\d,]+) lines?, [\d,]+ units?", mail["Subject"]) for mail in mails]
    return sum(int(digest[1].replace(",", "")) for digest in digests if digest)


def all_mailed() -> None:
    """See that each line that is out of stock was mailed, and none of them twice."""
    short = len(sent) - 3 * ORDERS // 2 + 1
    until(f"{short} lines out of stock are mailed", lambda: mailed() >= short)
    if mailed() != short:
        raise SystemExit(f"{mailed()} lines are mailed")


METRICS = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/metrics').read().decode())"
READ_FROM = 'app_view_reads_total{{backend="{}"'

sent: list[dict[str, Any]] = []


def main() -> None:
    """Bring it up, place orders, stop a replica, place orders, kill the other, place orders; ask the API about them."""
    say("up")
    run([*COMPOSE, "up", "--detach"])
    replicas = run([*COMPOSE, "ps", "--quiet", "service"]).split()
    if len(replicas) != REPLICAS:
        raise SystemExit(f"{len(replicas)} replicas")
    others = [run([*COMPOSE, "ps", "--quiet", name]).strip() for name in ("api", "projector", "notifier")]
    until("all roles are healthy", lambda: all(map(healthy, [*replicas, *others])))
    first, second = replicas
    produce(first, batches())
    until("the batches are known", lambda: len(events(first)) == BATCHES)
    placed(first, "both")

    began = time.monotonic()
    run(["docker", "stop", "--time=40", first])
    code = inspect(first)["State"]["ExitCode"]
    say(f"stopped one: exit {code} after {time.monotonic() - began:.1f} s")
    if code != 0:
        raise SystemExit("it did not stop in order")
    placed(second, "one")

    run(["docker", "start", first])
    until("it is back", lambda: healthy(first))
    run(["docker", "kill", second])
    say(f"killed the other: exit {inspect(second)['State']['ExitCode']}")
    placed(first, "other")
    redis = run([*COMPOSE, "ps", "--quiet", "redis"]).strip()
    asked_by_people(others[0], redis)
    all_mailed()


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        say(run([*COMPOSE, "logs", "--tail=50"]))
        raise
    finally:
        run([*COMPOSE, "down", "--volumes", "--timeout=40"])
        say("down")
