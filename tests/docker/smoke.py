"""Runs the composition, takes one replica away after the other, and counts the events.

`python tests/docker/smoke.py`: no part of `make test`, since it needs a Docker engine and compose, and takes a minute
or two. `COMPOSE` names another command than `docker compose`. It has a project, volumes and ports of its own, and
removes them.
"""

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMPOSE = [
    *shlex.split(os.environ.get("COMPOSE", "docker compose")),
    f"--file={ROOT / 'docker-compose.yml'}",
    "--project-name=python-app-template-smoke",
]
PORTS = {"KAFKA_PORT": "19092", "POSTGRES_PORT": "15432", "HTTP_PORTS": "18000-18001"}
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


sent: list[dict[str, Any]] = []


def main() -> None:
    """Bring it up, place orders, stop a replica, place orders, kill the other, place orders."""
    say("up")
    run([*COMPOSE, "up", "--detach"])
    replicas = run([*COMPOSE, "ps", "--quiet", "service"]).split()
    if len(replicas) != REPLICAS:
        raise SystemExit(f"{len(replicas)} replicas")
    until("both replicas are healthy", lambda: all(map(healthy, replicas)))
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


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        say(run([*COMPOSE, "logs", "--tail=50"]))
        raise
    finally:
        run([*COMPOSE, "down", "--volumes", "--timeout=40"])
        say("down")
