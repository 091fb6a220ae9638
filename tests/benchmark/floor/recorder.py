"""`python -m tests.benchmark.floor.recorder`: runs the service, and notes what it asks of its drivers.

It is put around the drivers from outside; the service has no hook for it and knows nothing of it.
"""

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Coroutine, Generator, Iterable, Mapping
from contextvars import Context
from functools import wraps
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
from asyncpg.cursor import Cursor
from asyncpg.prepared_stmt import PreparedStatement
from confluent_kafka import Producer

from python_app_template.__main__ import main
from python_app_template.adapters.secondary.kafka import transactions
from python_app_template.app import run_service
from python_app_template.service import SERVICE
from python_app_template.settings import Settings
from tests.benchmark.floor.recording import FILE, RELAY, START, Act, Call, Produced, Recording, Transaction, save

OF_CONNECTIONS = ("execute", "executemany", "fetch", "fetchval", "fetchrow", "copy_records_to_table", "copy_to_table")
OF_STATEMENTS = ("fetch", "fetchval", "fetchrow", "fetchmany", "executemany")
ADDRESS = {"host", "port", "user", "password", "database"}


class Recorder:
    """What has been asked so far."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.pool = 0
        self.session: dict[str, Any] = {}
        self.parents: WeakKeyDictionary[asyncio.Task[Any], asyncio.Task[Any] | None] = WeakKeyDictionary()
        self._began = time.perf_counter()

    def asked(self, method: str, statement: str | None, args: Iterable[Any], keywords: Mapping[str, Any]) -> Call:
        given = {name: at_hand(value) for name, value in keywords.items()}
        at = time.perf_counter() - self._began
        call = Call(self._stream(), at, method, statement, tuple(map(at_hand, args)), given)
        self.acts.append(call)
        return call

    def committed(self, records: list[Produced]) -> None:
        self.acts.append(Transaction(RELAY, records))

    def opened(self, keywords: Mapping[str, Any]) -> None:
        if threading.current_thread() is threading.main_thread():
            self.pool += 1
            self.session = {name: value for name, value in keywords.items() if name not in ADDRESS}

    def new_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Generator[Any, None, Any] | Coroutine[Any, Any, Any],
        context: Context | None = None,
    ) -> "asyncio.Task[Any]":
        task = asyncio.Task(coroutine, loop=loop, context=context)
        self.parents[task] = asyncio.current_task(loop)
        return task

    def _stream(self) -> str:
        """Return the part's name: of its task, of whose child task it is, or of a thread of its own."""
        thread, task = threading.current_thread(), asyncio.current_task()
        if thread is not threading.main_thread():
            return thread.name
        while task is not None and task.get_name().startswith("Task-"):
            task = self.parents.get(task)
        return task.get_name() if task else START


def at_hand(value: Any) -> Any:
    """Return what an iterator would yield: it can be asked but once."""
    return list(value) if hasattr(value, "__next__") else value


def note_calls(recorder: Recorder, owner: Any, method: str) -> None:
    """Let each call of this coroutine function be noted; a connection has no query of its own, the others do."""
    original = getattr(owner, method)

    @wraps(original)
    async def asked(self: Any, *args: Any, **keywords: Any) -> Any:
        statement = None if owner is asyncpg.Connection else self._query
        of_cursor = owner is Cursor
        if of_cursor and method == "_init":
            call = recorder.asked("cursor", statement, self._args, {})
        else:
            call = recorder.asked(f"cursor.{method}" if of_cursor else method, statement, args, keywords)
            args, keywords = call.args, call.keywords
        answer = await original(self, *args, **keywords)
        call.tag = tag(self, answer)
        return answer

    setattr(owner, method, asked)


def tag(asked: Any, answer: Any) -> str:
    """Return what the server said that it did, if the driver tells."""
    if isinstance(asked, PreparedStatement):
        return str(asked.get_statusmsg() or "")
    return answer if isinstance(answer, str) and isinstance(asked, asyncpg.Connection) else ""


def note_connections(recorder: Recorder) -> None:
    """Let what connections are opened with be noted."""
    connect = asyncpg.connect

    @wraps(connect)
    async def opened(*args: Any, **keywords: Any) -> Any:
        connection = await connect(*args, **keywords)
        recorder.opened(keywords)
        return connection

    asyncpg.connect = opened


def recording_producer(recorder: Recorder) -> type[Producer]:
    """Return a producer that has what is committed noted."""

    class RecordingProducer(Producer):
        _records: list[Produced]

        def begin_transaction(self) -> None:
            self._records = []
            super().begin_transaction()

        def produce(self, *args: Any, **keywords: Any) -> None:
            super().produce(*args, **keywords)
            self._records.append(Produced("produce", args, keywords))

        def produce_batch(self, *args: Any, **keywords: Any) -> int:
            self._records.append(Produced("produce_batch", args, keywords))
            return super().produce_batch(*args, **keywords)

        def commit_transaction(self, *args: Any) -> None:
            super().commit_transaction(*args)
            recorder.committed(self._records)

    return RecordingProducer


def recorded(settings: Settings) -> int:
    """Run the service, as `app.run` does, and write down what it asked."""
    recorder, kafka = Recorder(), settings.kafka
    note_connections(recorder)
    for owner, methods in (
        (asyncpg.Connection, OF_CONNECTIONS),
        (PreparedStatement, OF_STATEMENTS),
        (Cursor, ("_init", "fetch")),
    ):
        for method in methods:
            note_calls(recorder, owner, method)
    vars(transactions)["Producer"] = recording_producer(recorder)
    gc.disable()  # what is noted is no garbage, and ever more of it would be looked through

    async def run() -> int:
        asyncio.get_running_loop().set_task_factory(recorder.new_task)
        return await run_service(SERVICE, settings)

    code = asyncio.run(run())
    topics = [kafka.output_topic, kafka.dead_letter_topic, str(kafka.positions_topic)]
    save(Recording(recorder.acts, recorder.pool, recorder.session, topics), Path(os.environ[FILE]))
    return code


if __name__ == "__main__":
    sys.exit(main(run=recorded))
