"""Writes per second over HTTP with their latencies, open loop, the API on one core; beside FastAPI with an ORM."""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import jwt
import psutil
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from python_app_template.embedded import Backends
from tests.benchmark.load import orders
from tests.benchmark.surroundings import cpu_seconds, prepared, started
from tests.processes import ROOT, wait_until

SUBJECTS = 100
WARM_UP_SECONDS = 12
"""A broker compiles its hot code in that time, on the core that it shares with who asks."""
PEM = serialization.Encoding.PEM


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    parser.add_argument("--rate", type=float, default=2100, help="writes per second; 2,000 are to be answered")
    parser.add_argument("--peer-rate", type=float, default=250, help="what the peer is asked for, which can do less")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--core", type=int, default=0, help="the one that the API has; everything else has the others")
    parser.add_argument("--alone", action="store_true", help="without the peer")


class Key:
    """RSA, made for this run."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public = (
            self._private.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        )

    def token(self, subject: str) -> str:
        claims = {"iss": "bench", "aud": "api", "sub": subject, "exp": time.time() + 3600, "scope": "orders:write"}
        return jwt.encode(claims, self._private, "RS256")


def requests(key: Key, count: int) -> list[str]:
    """Orders of 1 to 3 lines with ids of their own, by subjects with tokens of their own."""
    tokens, chance = [key.token(f"subject-{n}") for n in range(SUBJECTS)], random.Random(7)
    found = []
    for order in orders(count, 11):
        body = json.dumps({"order_id": order["order_id"], "lines": order["lines"]})
        head = f"POST /v1/orders HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {chance.choice(tokens)}\r\n"
        found.append(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}")
    return found


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """One after the other, on the same servers."""
    key = Key()
    load = requests(key, int(asked.rate * (WARM_UP_SECONDS + asked.seconds)))
    figures = {"asked_per_second": asked.rate, "peer_asked_per_second": asked.peer_rate}
    settings = prepared(backends)
    variables = {
        "APP_AUTH__MODE": "jwt",
        "APP_AUTH__ISSUER": "bench",
        "APP_AUTH__AUDIENCE": "api",
        "APP_AUTH__PUBLIC_KEY": key.public,
        "APP_API__RATE_PER_SECOND": "1000000",
    }
    with started(settings, directory, ["api"], **variables) as (service,):
        service.until_ready()
        figures |= measured("api", service.pid, service.port, load, asked.rate, asked)
        lines = len(service.lines("http.request"))
        assert lines >= len(load), f"{lines} lines in the access log"
    if not asked.alone:
        url = backends.postgres.create_database("peer")
        few = load[: int(asked.peer_rate * (WARM_UP_SECONDS + asked.seconds))]
        with peer(url, key) as (pid, port):
            figures |= measured("peer", pid, port, few, asked.peer_rate, asked)
    return figures


def measured(
    name: str, pid: int, port: int, load: Sequence[str], rate: float, asked: argparse.Namespace
) -> dict[str, float]:
    """Ask a process that has one core to itself: the servers and whoever asks have the others."""
    everything = os.sched_getaffinity(0)
    others = everything - {asked.core} or everything
    for process in psutil.Process().children(recursive=True):
        pin(process.pid, {asked.core} if process.pid == pid else others)
    warm = int(rate * WARM_UP_SECONDS)
    ask(port, load[:warm], rate, asked, others)  # connections, caches, the first metadata
    before = cpu_seconds(pid)
    seen = ask(port, load[warm:], rate, asked, others)
    assert set(seen["statuses"]) == {"202"}, seen
    answered = {f"{name}_{what}": float(value) for what, value in seen.items() if what != "statuses"}
    return answered | {f"{name}_cpu_us_per_write": 1e6 * (cpu_seconds(pid) - before) / len(load[warm:])}


def pin(pid: int, cores: set[int]) -> None:
    """Give a process, with the threads that it has, these cores; some of PostgreSQL's end meanwhile."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in list(Path(f"/proc/{pid}/task").iterdir()):
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), cores)


def ask(port: int, load: Sequence[str], rate: float, asked: argparse.Namespace, cores: set[int]) -> Any:
    """Run the open loop in a process of its own."""
    seconds = len(load) / rate
    flags = {"port": port, "rate": rate, "seconds": seconds, "connections": asked.connections}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmark.asking", *(f"--{name}={value}" for name, value in flags.items())],
        input=json.dumps(load).encode(),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    return json.loads(done.stdout)


@contextmanager
def peer(url: str, key: Key) -> Iterator[tuple[int, int]]:
    """FastAPI and an ORM."""
    environment = {**os.environ, "PEER_DATABASE": url, "PEER_KEY": key.public, "PEER_PORT": "8765"}
    make = "import asyncio; from tests.benchmark import fastapi_peer as p; asyncio.run(p.prepare())"
    subprocess.run([sys.executable, "-c", make], env=environment, cwd=ROOT, check=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmark.fastapi_peer"], env=environment, cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: answers("http://127.0.0.1:8765/openapi.json"))
        yield process.pid, 8765
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    """Whether somebody listens there."""
    try:
        return httpx.get(url).is_success
    except httpx.HTTPError:
        return False
