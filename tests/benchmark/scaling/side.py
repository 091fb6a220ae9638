"""The service under a case: so many workers and a relay, a process each, on stock that was copied into its tables."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]  # its stubs' gap

from python_app_template.settings import Settings
from tests.benchmark.load import PURCHASED
from tests.benchmark.scaling.cases import Case
from tests.benchmark.scaling.waits import Waits, sampled
from tests.benchmark.sides import Grounds, Side
from tests.benchmark.sides.service import Event, settings_for, stages
from tests.benchmark.surroundings import create_topics, started
from tests.benchmark.visible import everything
from tests.processes import wait_until
from tests.sql import run_sql
from tests.surroundings import migrate

BATCH_SIZE: Final = 5000

STOCK: Final = """
WITH skus AS (SELECT 'SKU-' || lpad(n::text, 7, '0') AS sku FROM generate_series(0, {skus} - 1) AS n),
known AS (INSERT INTO products (sku, version) SELECT sku, {batches} FROM skus)
INSERT INTO batches (batch_ref, sku, eta, created_qty, purchased)
SELECT 'batch-' || substr(sku, 5) || '-' || lpad(b::text, 4, '0'), sku,
       CASE WHEN b > 0 THEN date '2030-01-01' + b END, {purchased}, {purchased}
FROM skus, generate_series(0, {batches} - 1) AS b
"""
"""As if each batch had been created by a message: so many events ago. Through the topic a million take minutes."""


class Scaled(Side):
    """What is measured; `waits` are those of its last run."""

    guarantee = "exactly once"

    def __init__(self, case: Case) -> None:
        self._case = case
        self.name, self.setup = case.name, f"{case.workers} workers and a relay; batches of {BATCH_SIZE:,}"
        self.parts = (*(f"worker {number}" for number in range(1, case.workers + 1)), "relay")
        self.waits: Waits | None = None

    def prepare(self, grounds: Grounds) -> None:
        """Make schema, topics, partitions and stock."""
        case = self._case
        migrate(grounds.database)
        partition(grounds.servers, grounds.input_topic, case.partitions)
        asyncio.run(create_topics(self._settings(grounds)))
        run_sql(grounds.database, STOCK.format(skus=case.skus, batches=case.batches, purchased=PURCHASED))

    @contextmanager
    def running(self, grounds: Grounds) -> Iterator[Sequence[int]]:
        """Start all; the sessions are sampled for as long as they run."""
        case = self._case
        roles = ["worker"] * case.workers + ["relay"]
        variables = {
            "APP_CONSUMER__BATCH_SIZE": str(BATCH_SIZE),
            "APP_KAFKA__INPUT_PARTITIONS": str(case.partitions),
        }
        with (
            started(self._settings(grounds), grounds.directory, roles, **variables) as services,
            sampled(grounds.database) as self.waits,
        ):
            yield [service.pid for service in services]
            self.said = stages(services[0])

    def violations(self, grounds: Grounds, orders: int) -> list[str]:  # noqa: ARG002 - not all need have been consumed
        """Hold each SKU's versions to what follows those that its stock has used up, and their sum to the table."""
        used_up = self._case.batches
        decode, versions, wrong = msgspec.json.Decoder(Event).decode, Counter[str](), list[str]()
        for _, _, value in everything(grounds.servers, grounds.output_topic):
            event = decode(value)
            if event.version != used_up + versions[event.sku] + 1:
                wrong.append(f"{event.sku}: {event.version} stands where {used_up + versions[event.sku] + 1} should")
            versions[event.sku] += 1
        known = int(run_sql(grounds.database, "SELECT sum(version) FROM products"))
        if versions.total() + used_up * self._case.skus != known:
            wrong.append(
                f"{versions.total()} events are visible, the tables know of {known - used_up * self._case.skus}"
            )
        return wrong

    def _settings(self, grounds: Grounds) -> Settings:
        settings = settings_for(grounds)
        kafka = settings.kafka.model_copy(update={"input_partitions": self._case.partitions})
        return settings.model_copy(update={"kafka": kafka})


def partition(servers: str, topic: str, count: int) -> None:
    """Give a topic so many partitions, where it has fewer."""
    admin = AdminClient({"bootstrap.servers": servers})
    if len(admin.list_topics(topic, timeout=30).topics[topic].partitions) < count:
        admin.create_partitions([NewPartitions(topic, count)])[topic].result(30)
        wait_until(lambda: len(admin.list_topics(topic, timeout=30).topics[topic].partitions) == count)
