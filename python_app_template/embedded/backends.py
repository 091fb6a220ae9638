"""Kafka and PostgreSQL, started and stopped together."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

from python_app_template.embedded.download import Progress, silent
from python_app_template.embedded.kafka import EmbeddedKafka
from python_app_template.embedded.postgres import EmbeddedPostgres


@dataclass(frozen=True, slots=True)
class Backends:
    """Both servers, running."""

    kafka: EmbeddedKafka
    postgres: EmbeddedPostgres

    def environment(self, database: str = "postgres") -> dict[str, str]:
        """Settings that lead the service to them."""
        return {
            "APP_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "APP_DATABASE__URL": self.postgres.url(database),
        }


@contextmanager
def embedded_backends(
    progress: Progress = silent, *, durable: bool = True, quick_timeouts: bool = False, full_jit: bool = False
) -> Iterator[Backends]:
    """Start both at once; on leaving, end both and remove their data. BackendError when one does not start."""
    kafka = EmbeddedKafka(quick_timeouts=quick_timeouts, full_jit=full_jit, progress=progress)
    postgres = EmbeddedPostgres(durable=durable)
    servers: tuple[EmbeddedKafka | EmbeddedPostgres, ...] = (kafka, postgres)
    with ThreadPoolExecutor(2) as pool:
        starts: tuple[Future[object], ...] = (pool.submit(kafka.start), pool.submit(postgres.start))
        try:
            for start in starts:
                start.result()
            yield Backends(kafka, postgres)
        finally:
            wait(starts)  # one may have failed, or Ctrl-C come, while the other is still at it
            list(pool.map(lambda server: server.stop(), servers))
