"""The service itself: worker and relay in one process or apart, one worker or several, with batches of some size."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings, load
from tests.benchmark.load import batches, send
from tests.benchmark.reading import read
from tests.benchmark.sides import Grounds, Side
from tests.benchmark.surroundings import create_topics, started
from tests.benchmark.visible import everything
from tests.processes import ROOT, ServiceProcess, environment
from tests.sql import run_sql
from tests.surroundings import migrate

STAGES = ("claim", "load", "decide", "commit")
STOCK_SECONDS = 120.0
AUDITED = 150_000
"""Messages up to which the whole audit is run: it takes 5 KB of memory and 0.1 ms for each."""

TABLES = """
SELECT json_build_object(
    'versions', (SELECT sum(version) FROM products),
    'wrong_batches', (
        SELECT count(*) FROM batches b LEFT JOIN
        (SELECT batch_ref, sum(qty) AS qty FROM order_lines WHERE batch_ref IS NOT NULL GROUP BY batch_ref) AS l
        USING (batch_ref) WHERE b.allocated <> coalesce(l.qty, 0)
    )
)
"""


class Service(Side):
    """As an operator would start it."""

    guarantee = "exactly once"

    def __init__(
        self, batch_size: int, *, split: bool = True, workers: int = 1, loads: Sequence[str] = ("sunny",)
    ) -> None:
        self.loads = loads
        self.name = f"service, {batch_size:,} a batch"
        if not split:
            self.name += ", one process"
            processes, self.parts = "worker and relay in one process", ("worker and relay",)
        elif workers > 1:
            self.name += f", {workers} workers"
            processes = f"{workers} workers and a relay, a process each"
            self.parts = (*(f"worker {number}" for number in range(workers)), "relay")
        else:
            processes, self.parts = "worker and relay, a process each", ("worker", "relay")
        self.setup = f"{processes}; batches of {batch_size:,}"
        self._roles = (*["worker"] * workers, "relay") if split else ("worker,relay",)
        self._variables = {"APP_CONSUMER__BATCH_SIZE": str(batch_size)}

    def prepare(self, grounds: Grounds) -> None:
        settings = settings_for(grounds)
        migrate(grounds.database)
        asyncio.run(create_topics(settings))
        stock = send(grounds.servers, grounds.input_topic, batches())
        with started(settings, grounds.directory):
            seen = read(grounds.servers, grounds.output_topic, stock, STOCK_SECONDS)
        assert seen.records == stock, f"{seen.records} of {stock} batches are known"

    @contextmanager
    def running(self, grounds: Grounds) -> Iterator[Sequence[int]]:
        with started(settings_for(grounds), grounds.directory, self._roles, **self._variables) as services:
            yield [service.pid for service in services]
            self.said = stages(services[0])

    def violations(self, grounds: Grounds, orders: int) -> list[str]:
        found = gaps(grounds)
        return [*found, *audited(settings_for(grounds))] if orders <= AUDITED else found


def stages(worker: ServiceProcess) -> dict[str, float]:
    """Messages in a batch, and which share of its time each stage of a batch takes."""
    samples = {(name, dict(labels).get("stage")): value for (name, labels), value in worker.samples().items()}
    seconds = {stage: samples.get(("app_batch_duration_seconds_sum", stage), 0.0) for stage in STAGES}
    messages, settled = (samples.get((f"app_batch_messages_{what}", None), 0.0) for what in ("sum", "count"))
    busy = sum(seconds.values()) or 1.0
    return {
        "messages in a batch": messages / (settled or 1.0),
        **{f"share of {stage}": spent / busy for stage, spent in seconds.items()},
    }


def settings_for(grounds: Grounds) -> Settings:
    """Lead it to its grounds; its other topics are named after these."""
    return load(
        {
            "kafka.bootstrap_servers": grounds.servers,
            "kafka.group_id": grounds.group,
            "kafka.input_topic": grounds.input_topic,
            "kafka.output_topic": grounds.output_topic,
            "kafka.dead_letter_topic": f"{grounds.input_topic}.dlq",
            "kafka.positions_topic": f"{grounds.output_topic}.positions",
            "database.url": grounds.database,
        }
    )


class Event(msgspec.Struct, gc=False):
    """What says whether anything is missing, doubled or out of order."""

    sku: str
    version: int


def gaps(grounds: Grounds) -> list[str]:
    """Hold each SKU's versions to 1, 2, 3, ...; their sum, and what batches have allocated, to the tables."""
    decode, versions, wrong = msgspec.json.Decoder(Event).decode, Counter[str](), list[str]()
    for _, _, value in everything(grounds.servers, grounds.output_topic):
        event = decode(value)
        if event.version != versions[event.sku] + 1:
            wrong.append(f"{event.sku}: {event.version} stands where {versions[event.sku] + 1} should")
        versions[event.sku] = event.version
    tables = json.loads(run_sql(grounds.database, TABLES))
    if versions.total() != int(tables["versions"]):
        wrong.append(f"{versions.total()} events are visible, the tables know of {tables['versions']}")
    if tables["wrong_batches"]:
        wrong.append(f"{tables['wrong_batches']} batches have allocated something else than their lines say")
    return wrong


def audited(settings: Settings) -> list[str]:
    """Run the service's own audit, in a process of its own: it takes memory; return the violations that it names."""
    script = "from python_app_template.cli.app import main; main()"
    command = [sys.executable, "-c", script, "audit", "--json", "--limit=20"]
    done = subprocess.run(command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, check=False)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    found = [f"{one['about']}: {one['text']}" for one in said if one["kind"] == "violation"]
    if done.returncode not in {ExitCode.STOPPED, ExitCode.WANTING}:
        found.append(f"audit, exit {done.returncode}: {done.stderr[-500:]}")
    return found


SIDES = (
    Service(5000, loads=("sunny", "mixed")),
    Service(5000, split=False),
    Service(1000),
    Service(100),
    Service(1),
    Service(5000, workers=2),
)
"""The first is the one that the others are compared with, and that the noise is taken from."""
