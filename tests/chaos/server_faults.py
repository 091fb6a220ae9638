"""What befalls a server as a whole, and the service's processes."""

import signal
import threading

from python_app_template.embedded import EmbeddedKafka, EmbeddedPostgres
from tests.chaos.fleet import Fleet, Member
from tests.chaos.incarnation import put_clock
from tests.chaos.schedule import Fault

HOUR = 3600.0


class PostgresFaults:
    """The database server."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server

    def restarted(self, _: Fault) -> int:
        self._server.restart("immediate")
        return 1

    def away(self, fault: Fault) -> int:
        self._server.kill()
        threading.Event().wait(fault.seconds)
        self._server.restart()
        return 1


class BrokerFaults:
    """The broker."""

    def __init__(self, server: EmbeddedKafka) -> None:
        self._server = server

    def restarted(self, _: Fault) -> int:
        self._server.kill()
        self._server.restart()
        return 1

    def away(self, fault: Fault) -> int:
        self._server.kill()
        threading.Event().wait(fault.seconds)
        self._server.restart()
        return 1

    def frozen(self, fault: Fault) -> int:
        self._server.pause()
        threading.Event().wait(fault.seconds)
        self._server.resume()
        return 1


class ProcessFaults:
    """One of the service's processes; there may be none for a moment."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def sigkill(self, fault: Fault) -> int:
        return self._send(fault, signal.SIGKILL)

    def sigterm(self, fault: Fault) -> int:
        return self._send(fault, signal.SIGTERM)

    def stopped_briefly(self, fault: Fault) -> int:
        return self._stop(fault)

    def stopped_beyond_session(self, fault: Fault) -> int:
        return self._stop(fault)

    def poll_interval_exceeded(self, fault: Fault) -> int:
        """The interpreter is held, and does not poll, while librdkafka's threads send heartbeats."""
        service = self._member(fault).service
        if not service.running:
            return 0
        service.signal(signal.SIGUSR1)
        threading.Event().wait(fault.seconds)
        return 1

    def _stop(self, fault: Fault) -> int:
        service = self._member(fault).service
        if not service.running:
            return 0
        service.signal(signal.SIGSTOP)
        threading.Event().wait(fault.seconds)
        service.signal(signal.SIGCONT)
        return 1

    def _send(self, fault: Fault, number: signal.Signals) -> int:
        member = self._member(fault)
        if not member.service.running or member.sent is not None:
            return 0
        member.end(number)
        return 1

    def _member(self, fault: Fault) -> Member:
        return self._fleet.members[fault.target % len(self._fleet.members)]


class ClockFaults:
    """The clock of one of them."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def forward(self, fault: Fault) -> int:
        return self._put(fault, HOUR)

    def back(self, fault: Fault) -> int:
        return self._put(fault, -HOUR)

    def right(self, fault: Fault) -> int:
        return self._put(fault, 0.0)

    def _put(self, fault: Fault, seconds: float) -> int:
        put_clock(self._fleet.members[fault.target % len(self._fleet.members)].clock, seconds)
        return 1
