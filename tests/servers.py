"""Where the tests' Kafka, PostgreSQL and Redis come from: embedded, containers, or servers that the caller names.

`APP_TEST_KAFKA` (bootstrap servers), `APP_TEST_POSTGRES` (an URL whose role may create databases) and `APP_TEST_REDIS`
(an URL) name servers;
`APP_TEST_BACKEND=containers` asks for testcontainers, `embedded` for the embedded ones. Otherwise containers are taken
where a Docker engine answers, else the embedded servers.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import make_url

from python_app_template.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedRedis

ANSWER_SECONDS = 2.0


class Kafka(Protocol):
    """A broker that is up."""

    @property
    def bootstrap_servers(self) -> str: ...


class Postgres(Protocol):
    """A server that is up, and a role that may create databases."""

    def url(self, database: str = ...) -> str: ...

    def create_database(self, name: str, template: str | None = None) -> str: ...

    def drop_database(self, name: str) -> None: ...


class NamedKafka:
    """A broker that somebody else started."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers


class NamedPostgres:
    """A server that somebody else started."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+asyncpg")

    def url(self, database: str = "postgres") -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)

    def create_database(self, name: str, template: str | None = None) -> str:
        asyncio.run(self._execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else "")))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        asyncio.run(self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    async def _execute(self, statement: str) -> None:
        plain = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(plain)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def kafka_server() -> Iterator[Kafka]:
    """Start a broker, or take the one that is named."""
    if named := os.environ.get("APP_TEST_KAFKA"):
        yield NamedKafka(named)
    elif _containers_wanted():
        from tests import containers  # noqa: PLC0415 - slow to import, seldom wanted

        with containers.ApacheKafka() as container:
            yield NamedKafka(container.bootstrap_servers)
    else:
        with EmbeddedKafka(quick_timeouts=True) as embedded:
            yield embedded


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Start a server, or take the one that is named."""
    if named := os.environ.get("APP_TEST_POSTGRES"):
        yield NamedPostgres(named)
    elif _containers_wanted():
        from tests import containers  # noqa: PLC0415 - likewise

        with containers.postgres() as container:
            yield NamedPostgres(container.get_connection_url())
    else:
        with EmbeddedPostgres() as embedded:
            yield embedded


@contextmanager
def redis_server() -> Iterator[str]:
    """Start a Redis, or take the one that is named; its URL. Whoever uses it keeps to a prefix of their own."""
    if named := os.environ.get("APP_TEST_REDIS"):
        yield named
    elif _containers_wanted():
        from tests import containers  # noqa: PLC0415 - likewise

        with containers.Valkey() as container:
            yield container.url
    else:
        with EmbeddedRedis() as embedded:
            yield embedded.url


def _containers_wanted() -> bool:
    wanted = os.environ.get("APP_TEST_BACKEND", "")
    if wanted not in {"", "containers", "embedded"}:
        raise ValueError(f"APP_TEST_BACKEND={wanted}: not one of containers, embedded")
    return wanted == "containers" or (wanted == "" and _engine_answers())


def _engine_answers() -> bool:
    """Whether somebody takes connections where the engine should be. Its own client leaks a socket when nobody does."""
    address = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    if address.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as unix:
            return unix.connect_ex(address.path) == 0
    with socket.socket() as tcp:
        tcp.settimeout(ANSWER_SECONDS)
        return tcp.connect_ex((address.hostname or "localhost", address.port or 2375)) == 0
