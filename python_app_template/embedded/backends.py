"""Kafka, PostgreSQL and, where it is wanted, Valkey: started and stopped together."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

from python_app_template.embedded.download import Progress, silent
from python_app_template.embedded.kafka import EmbeddedKafka
from python_app_template.embedded.postgres import EmbeddedPostgres
from python_app_template.embedded.redis import EmbeddedRedis


@dataclass(frozen=True, slots=True)
class Backends:
    """The servers, running."""

    kafka: EmbeddedKafka
    postgres: EmbeddedPostgres
    redis: EmbeddedRedis | None = None

    def environment(self, database: str = "postgres") -> dict[str, str]:
        """Settings that lead the service to them."""
        return {
            "APP_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "APP_DATABASE__URL": self.postgres.url(database),
            **({"APP_REDIS__URL": self.redis.url} if self.redis else {}),
        }


@contextmanager
def embedded_backends(
    progress: Progress = silent,
    *,
    durable: bool = True,
    quick_timeouts: bool = False,
    full_jit: bool = False,
    redis: bool = False,
    postgres_settings: Mapping[str, str] | None = None,
) -> Iterator[Backends]:
    """Start them at once; on leaving, end all and remove their data. BackendError when one does not start."""
    kafka = EmbeddedKafka(quick_timeouts=quick_timeouts, full_jit=full_jit, progress=progress)
    postgres = EmbeddedPostgres(durable=durable, settings=postgres_settings)
    valkey = EmbeddedRedis() if redis else None
    servers = tuple(server for server in (kafka, postgres, valkey) if server)
    with ThreadPoolExecutor(len(servers)) as pool:
        starts: tuple[Future[object], ...] = tuple(pool.submit(server.start) for server in servers)
        try:
            for start in starts:
                start.result()
            yield Backends(kafka, postgres, valkey)
        finally:
            wait(starts)  # one may have failed, or Ctrl-C come, while the other is still at it
            list(pool.map(lambda server: server.stop(), servers))
