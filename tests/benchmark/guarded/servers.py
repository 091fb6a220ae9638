"""What a batch costs PostgreSQL and Kafka: worker and relay one after the other, on servers that do nothing else."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from python_app_template.embedded import Backends, embedded_backends
from tests.benchmark import wal
from tests.benchmark.guarded import messages, statements
from tests.benchmark.guarded.messages import BLOCK, Block
from tests.benchmark.guarded.published import Published
from tests.benchmark.guarded.tap import tapped
from tests.benchmark.surroundings import prepared
from tests.processes import ServiceProcess, running, wait_until
from tests.sql import run_sql

BLOCKS: Final = 40
LIMIT_SECONDS: Final = 90.0

LOADS: Final[dict[str, Callable[[int], Iterator[Block]]]] = {"orders": messages.orders, "mixed": messages.mixed}

SETTINGS: Final = {
    "PYTHONHASHSEED": "0",
    "APP_CONSUMER__BATCH_SIZE": str(BLOCK),
    "APP_DATABASE__POOL_SIZE": "1",  # what a connection knows (statements, SKUs) does not depend on whose turn it is
    "APP_OUTBOX__PAGE_BYTES": "65536",  # less than a batch's row: so a page is a row
}

STILL: Final = {"autovacuum": "off", "checkpoint_timeout": "1h"}
"""Of the server: it shall do nothing by itself."""

WAL: Final = "SELECT pg_current_wal_insert_lsn() - '0/0'"
PACKED: Final = "SELECT bytes FROM outbox_head"
TRIMMED: Final = "SELECT min(number) = (SELECT number FROM outbox_head) FROM outbox"
"""Whether the last row is published and all before it are gone."""


def measure(directory: Path) -> dict[str, float]:
    """Return all figures, of servers of its own."""
    with embedded_backends(postgres_settings=STILL) as backends:
        return Measurement(backends, directory).run()


class Measurement:
    """One database and one set of topics, through which the loads go one after the other."""

    def __init__(self, backends: Backends, directory: Path) -> None:
        self._settings, self._directory, self._postgres = prepared(backends), directory, backends.postgres
        self._url, kafka = self._settings.database.url.get_secret_value(), self._settings.kafka
        self._published = Published(kafka.bootstrap_servers, kafka.output_topic, kafka.output_partitions)

    def run(self) -> dict[str, float]:
        """Return the figures of worker and relay under each load."""
        self._stock()
        figures: dict[str, float] = {}
        for load, made in LOADS.items():
            run_sql(self._url, "VACUUM ANALYZE")
            blocks = list(made(BLOCKS))
            lines = sum(record.value.count(b'"sku"') for block in blocks for record in block)
            self._send(blocks)
            figures |= {f"worker/{load}/{name}": value for name, value in self._worker(load, lines).items()}
            figures |= {f"relay/{load}/{name}": value for name, value in self._relay(load, lines).items()}
        return figures

    def _stock(self) -> None:
        there = messages.stock()
        self._send([there])
        with self._started("stock", "worker,relay", self._url) as service:
            published = partial(service.metric, "app_events_published_total")
            wait_until(lambda: published() >= len(there), LIMIT_SECONDS, service.explain)

    def _worker(self, load: str, lines: int) -> Mapping[str, float]:
        """Decide all blocks, a batch each."""
        before, packed = self._count(WAL), self._count(PACKED)
        with tapped(self._url) as tap, self._started(f"worker-{load}", "worker", tap.url) as service:
            consumed = partial(service.metric, "app_messages_consumed_total")
            wait_until(lambda: consumed() >= BLOCK * BLOCKS, LIMIT_SECONDS, service.explain)
            batches = service.metric("app_batch_messages_count")
        assert batches == BLOCKS, f"{batches:g} batches instead of {BLOCKS}: what was sent whole was not fetched whole"
        taken = statements.of_batches(tap.sessions)
        return {
            **statements.figures(taken, len(taken), "batch"),
            "WAL bytes per line": self._wal_since(before) / lines,
            "outbox bytes per line": (self._count(PACKED) - packed) / lines,
        }

    def _relay(self, load: str, lines: int) -> Mapping[str, float]:
        """Publish what the worker left, a row to a page."""
        before, begin = self._count(WAL), self._published.ends()
        with tapped(self._url) as tap, self._started(f"relay-{load}", "relay", tap.url) as service:
            wait_until(lambda: bool(run_sql(self._url, TRIMMED)), LIMIT_SECONDS, service.explain)
        pages = statements.of_pages(tap.sessions)
        return {
            **statements.figures(pages, statements.looks(pages), "page"),
            "WAL bytes per line": self._wal_since(before) / lines,
            "bytes per event": self._published.bytes_per_event(begin),
        }

    @contextmanager
    def _started(self, name: str, roles: str, url: str) -> Iterator[ServiceProcess]:
        """Run a process of the service; it has to end well."""
        variables = SETTINGS | {"APP_DATABASE__URL": url, "APP_ROLES": roles}
        with running(ServiceProcess(self._settings, self._directory, name, **variables)) as service:
            yield service
            assert service.terminate() == 0, service.explain()

    def _send(self, blocks: Iterable[Block]) -> None:
        messages.send(self._settings.kafka.bootstrap_servers, self._settings.kafka.input_topic, blocks)

    def _wal_since(self, before: int) -> int:
        """Return the bytes of records, without full-page images."""
        after = self._count(WAL)
        run_sql(self._url, "SELECT pg_switch_wal()")  # so that all of it is in the files
        return wal.totals(self._postgres, before, after)[0]

    def _count(self, sql: str) -> int:
        return int(run_sql(self._url, sql))
