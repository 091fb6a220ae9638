"""What befalls a server as a whole, and the service's processes."""

import signal
import threading

from python_app_template.embedded import EmbeddedKafka, EmbeddedPostgres
from tests.chaos.fleet import Fleet
from tests.chaos.schedule import Fault
from tests.forking.incarnation import put_clock

HOUR = 3600.0


class ServerFaults:
    """One of the servers."""

    def __init__(self, server: EmbeddedKafka | EmbeddedPostgres) -> None:
        self._server = server

    def restarted(self, _: Fault) -> int:
        return self._gone_for(0.0)

    def away(self, fault: Fault) -> int:
        return self._gone_for(fault.seconds)

    def minute_away(self, fault: Fault) -> int:
        return self._gone_for(fault.seconds)

    def _gone_for(self, seconds: float) -> int:
        self._server.kill()
        threading.Event().wait(seconds)
        self._server.restart()
        return 1


class BrokerFaults(ServerFaults):
    """The broker."""

    def __init__(self, server: EmbeddedKafka) -> None:
        super().__init__(server)
        self._broker = server

    def frozen(self, fault: Fault) -> int:
        self._broker.pause()
        threading.Event().wait(fault.seconds)
        self._broker.resume()
        return 1


class PostgresFaults(ServerFaults):
    """The database server."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        super().__init__(server)
        self._database = server

    def restarted(self, _: Fault) -> int:
        self._database.restart("immediate")
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
        return self._for_a_while(fault, signal.SIGSTOP, signal.SIGCONT)

    def stopped_beyond_session(self, fault: Fault) -> int:
        return self._for_a_while(fault, signal.SIGSTOP, signal.SIGCONT)

    def poll_interval_exceeded(self, fault: Fault) -> int:
        """The interpreter is held, and does not poll, while librdkafka's threads send heartbeats."""
        return self._for_a_while(fault, signal.SIGUSR1)

    def _for_a_while(self, fault: Fault, *numbers: signal.Signals) -> int:
        """Send a signal, and another when the time is up, if there is one."""
        service = self._fleet.member(fault.target).service
        if not service.running:
            return 0
        service.signal(numbers[0])
        threading.Event().wait(fault.seconds)
        for number in numbers[1:]:
            service.signal(number)
        return 1

    def _send(self, fault: Fault, number: signal.Signals) -> int:
        member = self._fleet.member(fault.target)
        if not member.service.running or member.sent is not None:
            return 0
        member.end(number)
        return 1


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
        put_clock(self._fleet.member(fault.target).clock, seconds)
        return 1
