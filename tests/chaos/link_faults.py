"""What befalls the network between the service and one server."""

import threading
from collections.abc import Callable

from tests.chaos.network import Network
from tests.chaos.schedule import Fault
from tests.proxy import Proxy

SLOW_SECONDS = 0.02


class LinkFaults:
    """All connections of one proxy, or one of them. `ends`: what stands in a request whose answer can be lost."""

    def __init__(self, network: Network, proxy: Proxy, ends: bytes = b"COMMIT") -> None:
        self._network, self._proxy, self._ends = network, proxy, ends

    def cut(self, fault: Fault) -> int:
        """One, or each third time all."""
        only = None if fault.draw % 3 == 0 else fault.draw
        return min(1, self._network.call(lambda: self._proxy.cut(only)))

    def answer_lost(self, fault: Fault) -> int:
        """Of a COMMIT, or whatever ends something there."""
        before = self._proxy.lost_answers
        self._network.call(lambda: self._proxy.lose_answer_to(self._ends))
        threading.Event().wait(fault.seconds)
        self._network.call(lambda: self._proxy.lose_answer_to(None))
        return self._proxy.lost_answers - before

    def slow(self, fault: Fault) -> int:
        def slow_down() -> None:
            self._proxy.requests.delay = self._proxy.answers.delay = SLOW_SECONDS

        return self._for_a_while(fault, slow_down)

    def requests_held(self, fault: Fault) -> int:
        return self._for_a_while(fault, self._proxy.requests.hold)

    def answers_held(self, fault: Fault) -> int:
        return self._for_a_while(fault, self._proxy.answers.hold)

    def refused(self, fault: Fault) -> int:
        """What is open is cut, what comes is refused."""

        def refuse() -> None:
            self._proxy.refuse()
            self._proxy.cut()

        try:
            return self._for_a_while(fault, refuse)
        finally:
            self._network.listen(self._proxy)

    def _for_a_while(self, fault: Fault, begin: Callable[[], None]) -> int:
        self._network.call(begin)
        threading.Event().wait(fault.seconds)
        self._network.call(self._proxy.thaw)
        return 1
