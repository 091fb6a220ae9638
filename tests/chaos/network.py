"""The network between the service and its servers: two proxies, on a thread of their own."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.proxy import HOST, Proxy

T = TypeVar("T")

CALL_SECONDS = 30.0


class Network:
    """Everything that is done to a proxy is done on its own thread; calls return when it is done."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._proxies: list[Proxy] = []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for proxy in self._proxies:
            self._wait_for(proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def proxy(self) -> Proxy:
        """Open a proxy; it is told later whom it stands for."""
        proxy = Proxy(HOST, 0)
        self._wait_for(proxy.listen())
        self._proxies.append(proxy)
        return proxy

    def listen(self, proxy: Proxy) -> None:
        """Take connections again."""
        self._wait_for(proxy.listen())

    def call(self, act: Callable[[], T]) -> T:
        """Do something to a proxy."""

        async def acted() -> T:
            return act()

        return self._wait_for(acted())

    def _wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CALL_SECONDS)
