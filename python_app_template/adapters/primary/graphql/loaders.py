"""Keys that fields of one request ask for, looked up together: one query for all that is asked for at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Generic, TypeVar

V = TypeVar("V")

Fetch = Callable[[Collection[str]], Awaitable[Mapping[str, V]]]


class Loader(Generic[V]):
    """Belongs to one request. A key is looked up once; what `forget` was told is looked up again."""

    def __init__(self, fetch: Fetch[V]) -> None:
        self._fetch = fetch
        self._answers: dict[str, asyncio.Future[V | None]] = {}
        self._wanted: dict[str, asyncio.Future[V | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, key: str) -> "asyncio.Future[V | None]":
        """Return what there is of this key, or will be: all keys that are named in one go are asked for together."""
        if key not in self._answers:
            loop = asyncio.get_running_loop()
            if not self._wanted:
                loop.call_soon(self._dispatch)
            self._answers[key] = self._wanted[key] = loop.create_future()
        return self._answers[key]

    def forget(self, key: str) -> None:
        """Look it up anew when it is asked for again: it may have changed."""
        self._answers.pop(key, None)

    def _dispatch(self) -> None:
        wanted, self._wanted = self._wanted, {}
        task = asyncio.create_task(self._answer(wanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, wanted: Mapping[str, "asyncio.Future[V | None]"]) -> None:
        try:
            found = await self._fetch(wanted.keys())
        except Exception as fault:  # noqa: BLE001 - it is told to each who asked
            for answer in wanted.values():
                if not answer.done():
                    answer.set_exception(fault)
            return
        for key, answer in wanted.items():
            if not answer.done():
                answer.set_result(found.get(key))
