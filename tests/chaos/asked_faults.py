"""What befalls the servers behind views and mail."""

import threading

from redis import Redis

from python_app_template.embedded import EmbeddedRedis
from tests.chaos.link_faults import LinkFaults
from tests.chaos.network import Network
from tests.chaos.schedule import Fault
from tests.mail_server import MailServer, nothing_else
from tests.proxy import Proxy

SCRIPT = b"EVALSHA"
"""How a client asks Redis for what moves the copy."""

END_OF_MAIL = b"\r\n.\r\n"
"""RFC 5321, 4.1.1.4."""

STAGES = ("MAIL", "RCPT", "DATA")


class RedisFaults:
    """The server that the copy of stock is in."""

    def __init__(self, server: EmbeddedRedis) -> None:
        self._server = server

    def restarted_empty(self, _: Fault) -> int:
        self._server.restart(empty=True)
        return 1

    def set_back(self, fault: Fault) -> int:
        """It comes back as it was a moment ago."""
        with Redis.from_url(self._server.url) as client:
            client.save()
        threading.Event().wait(fault.seconds)
        self._server.restart()
        return 1

    def away(self, fault: Fault) -> int:
        self._server.kill()
        threading.Event().wait(fault.seconds)
        self._server.restart(empty=True)
        return 1

    def frozen(self, fault: Fault) -> int:
        self._server.pause()
        threading.Event().wait(fault.seconds)
        self._server.resume()
        return 1


class MailFaults:
    """The mail server, and the way to it."""

    def __init__(self, network: Network, proxy: Proxy, server: MailServer) -> None:
        self._link, self._server = LinkFaults(network, proxy, END_OF_MAIL), server

    def away(self, fault: Fault) -> int:
        return self._link.refused(fault)

    def silent(self, fault: Fault) -> int:
        return self._link.answers_held(fault)

    def answer_lost(self, fault: Fault) -> int:
        """It has taken the mail, and nobody hears it."""
        return self._link.answer_lost(fault)

    def busy(self, fault: Fault) -> int:
        """It takes nothing for a while, and says so: at the mail's beginning, for each address, or at its end."""
        return self._answering(fault, "451 later")

    def refusing(self, fault: Fault) -> int:
        """It will never take what comes now; each other time for one address alone."""
        return self._answering(fault, "554 never", one_address=fault.draw % 2 == 0)

    def _answering(self, fault: Fault, refusal: str, *, one_address: bool = False) -> int:
        stage, times = "RCPT" if one_address else STAGES[fault.draw % len(STAGES)], 0

        def answer(heard: str, address: str) -> str | None:
            nonlocal times
            if heard != stage or (one_address and not address.startswith("ann")):
                return None
            times += 1
            return refusal

        self._server.answer = answer
        threading.Event().wait(fault.seconds)
        self._server.answer = nothing_else
        return min(1, times)
