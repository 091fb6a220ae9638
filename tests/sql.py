"""The database from outside: what an operator does to it, and what may befall it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

TABLES = """
SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'
"""


def run_sql(url: str, *statements: str) -> Any:
    """Run statements, each by itself; the first value of the last."""

    async def run() -> Any:
        connection = await asyncpg.connect(_plain(url), timeout=30)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


@contextmanager
def all_tables_locked(url: str) -> Iterator[None]:
    """Let whoever reads or writes wait until this is left."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(_plain(url), timeout=30))
        try:
            tables = runner.run(connection.fetchval(TABLES))
            runner.run(connection.execute(f"BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"))
            yield
        finally:
            runner.run(connection.close())


def _plain(url: str) -> str:
    return url.replace("+asyncpg", "")
