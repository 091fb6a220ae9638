"""`demo` and `backends` as a person runs them: a process of its own, and nothing left of it."""

import json
import os
import signal
import subprocess
from functools import partial
from pathlib import Path

import jwt
import pytest
import redis
from confluent_kafka.admin import AdminClient

from tests.command_line import SCRIPT, bare_environment
from tests.processes import wait_until

pytestmark = pytest.mark.servers

EXPORTS = 8
"""Variables: where the servers are, and what role api takes tokens with."""
PROGRAM = "python-app-template"
VERSION = 12
"""Of the chairs, once the order that a demo proposes is placed."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One in which all temporary files can be seen, and other people's settings do no harm."""
    return bare_environment() | {"TMPDIR": str(tmp_path), "APP_KAFKA__BOOTSTRAP_SERVERS": "production.example:9092"}


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
def test_the_demo_tells_its_story_and_its_books_balance(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*SCRIPT, "demo", "--orders", "300"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "← line.allocated          order-2: 4 RED-CHAIR from warehouse-1",
        "← line.allocated          order-3: 5 RED-CHAIR from ship-1",
        "← line.out_of_stock       order-4: 4 BLUE-LAMP",
        "← line.deallocated        order-2: 4 RED-CHAIR off warehouse-1, quantity changed",
        "← line.allocated          order-2: 4 RED-CHAIR from ship-1",
        "← line.deallocated        order-1: 6 RED-CHAIR off warehouse-1, order cancelled",
        "no event: recognised as a duplicate",
        "← dead letter             invalid: $.lines[0].qty",
        "→ POST /v1/orders         order-6: 1 RED-CHAIR; wait=10",
        "← 202 applied             order-6: 1 RED-CHAIR allocated from warehouse-1",
        "orders per second",
        "versions run from 1 without a gap",
        "each decided as the contract says, once",
        "rows of the database: what the events add up to",
        "nothing is left behind",
    ):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_demo_that_is_interrupted_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    command = [*SCRIPT, "demo", "--json", "--keep"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as demo:
        assert demo.stdout is not None
        told = next(row for row in map(json.loads, demo.stdout) if "the service, process" in row.get("what", ""))
        service = int(told["what"].partition("process ")[2].partition(",")[0])
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=30)
    assert (demo.returncode, err) == (130, "")
    assert gone(service)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_a_demo_that_goes_on_says_can_be_done_can_be_done(environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [*SCRIPT, "demo", "--keep", "--orders", "100"], env=environment, stdout=subprocess.PIPE, text=True
    ) as demo:
        try:
            done = pasted(demo, environment)
        finally:
            demo.send_signal(signal.SIGINT)
    order, stock, graphql = (
        next(out for line, out in done.items() if words in line)
        for words in ("/v1/orders?wait", "/v1/stock/", "/graphql")
    )
    assert [line["status"] for line in json.loads(order)["order"]["lines"]] == ["allocated", "out_of_stock"]
    assert json.loads(stock)["version"] == VERSION
    assert len(json.loads(graphql)["data"]["stocks"]["edges"]) == 3
    by_redis, others = done['curl -s "$URL/metrics" | grep ^app_view_reads_total'].split("\n", 1)
    assert by_redis.startswith('app_view_reads_total{backend="redis",why=""} ')
    assert not others


def pasted(demo: "subprocess.Popen[str]", environment: dict[str, str]) -> dict[str, str]:
    assert demo.stdout is not None
    told: list[str] = []
    while "health/ready" not in (line := demo.stdout.readline()):
        assert line, told
        told.append(line.strip())
    exports = [line for line in told if line.startswith("export ")]
    mail = next(line for line in told if "mail.logged" in line)
    wait_until(lambda: "lines are out of stock" in run_in_shell([mail], environment))
    done: dict[str, str] = {}

    def is_shown(line: str) -> bool:
        done[line] = run_in_shell([*exports, line], environment)
        return "/v1/stock/" not in line or json.loads(done[line])["version"] == VERSION

    for line in told:
        if line.startswith("curl"):
            wait_until(partial(is_shown, line))  # Redis is told of what was decided a moment later
    return done


def run_in_shell(lines: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(
        ["bash", "-c", "\n".join(lines)], env=environment, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.slow
def test_backends_are_there_until_they_are_stopped(environment: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [*SCRIPT, "backends", "--migrate", "--topics"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as backends:
        assert backends.stdout is not None
        lines = [backends.stdout.readline() for _ in range(EXPORTS)]
        exports = dict(line.removeprefix("export ").rstrip().split("=", 1) for line in lines)
        found = AdminClient({"bootstrap.servers": exports["APP_KAFKA__BOOTSTRAP_SERVERS"]}).list_topics(timeout=10)
        token = subprocess.run(
            [*SCRIPT, "token"], env=environment | exports, capture_output=True, text=True, check=True
        )
        with redis.Redis.from_url(exports["APP_REDIS__URL"]) as client:
            answers = client.ping()
        backends.send_signal(signal.SIGTERM)
        _, err = backends.communicate(timeout=30)
    assert {"raw-push", "allocations", "raw-push.dlq", "allocations.positions"} <= set(found.topics)
    assert exports["APP_DATABASE__URL"].startswith("postgresql+asyncpg://postgres:")
    claims = jwt.decode(
        token.stdout.strip(), exports["APP_AUTH__SECRET"], [exports["APP_AUTH__ALGORITHMS"]], audience=PROGRAM
    )
    assert (claims["iss"], answers) == (exports["APP_AUTH__ISSUER"], True)
    assert (backends.returncode, err) == (0, "Kafka, PostgreSQL and Valkey run until Ctrl-C\n")
    assert list(tmp_path.iterdir()) == []
