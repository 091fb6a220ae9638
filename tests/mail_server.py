"""A real mail server in the test's process, for what arrives; it answers as it is told to."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from weakref import WeakSet

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from python_app_template.embedded.ports import ReservedPort

LOOPBACK = "127.0.0.1"
USER, PASSWORD = "stock", "s3cret/@:"
ESCAPED = "s3cret%2F%40%3A"

Answer = Callable[[str, str], str | None]
"""A stage (MAIL, RCPT, DATA) and an address to what the server says instead of taking it."""


def nothing_else(_stage: str, _address: str) -> str | None:
    return None


@dataclass
class Arrived:
    """A mail as the server took it."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool
    user: str | None

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.content, _class=EmailMessage, policy=policy.default)

    @property
    def message_id(self) -> str:
        return str(self.mail["Message-ID"])

    def part(self, kind: str) -> str:
        """The part that is `plain` or `html`."""
        body = self.mail.get_body((kind,))
        assert body is not None
        return str(body.get_content())


@dataclass
class MailServer:
    """What it hears, and what it is told to say."""

    port: int
    answer: Answer = nothing_else
    mails: list[Arrived] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    """The commands of mails that came, in their order."""
    passwords: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    # Hooks of aiosmtpd, on the server's thread

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self._heard("MAIL", address):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - likewise
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if refusal := self._heard("RCPT", address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        known: Any = session.auth_data
        user = None if known is None else known.decode()
        arrived = Arrived(envelope.mail_from or "", list(envelope.rcpt_tos), content, _is_encrypted(server), user)
        refusal = self._heard("DATA", ",".join(envelope.rcpt_tos))
        if refusal is None or refusal.startswith("250"):
            self.mails.append(arrived)
        return refusal or "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.passwords.append(given.password)
        right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False, auth_data=given.login)

    def _heard(self, stage: str, address: str) -> str | None:
        self.stages.append(stage)
        return self.answer(stage, address)


class _HangingUp(Controller):
    """Ends its connections, too: the library leaves them to the garbage collector, which blames a later test."""

    def __init__(self, handler: MailServer, **more: Any) -> None:
        super().__init__(handler, **more)
        self._connections: WeakSet[SMTP] = WeakSet()

    def factory(self) -> SMTP:
        made = SMTP(self.handler, **self.SMTP_kwargs)
        self._connections.add(made)
        return made

    def stop(self, no_assert: bool = False) -> None:  # noqa: FBT001, FBT002 - aiosmtpd's
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result()
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        for listener in self.server.sockets:
            self.loop.remove_reader(listener.fileno())
        for _ in range(3):  # turns of the loop, until what it has only just accepted is a connection
            await asyncio.sleep(0)
        for made in self._connections:
            if isinstance(made.transport, asyncio.WriteTransport):
                made.transport.abort()
        await asyncio.sleep(0)


def _is_encrypted(server: SMTP) -> bool:
    return server.transport is not None and server.transport.get_extra_info("sslcontext") is not None


def certificate(authority: trustme.CA, name: str = LOOPBACK) -> ssl.SSLContext:
    """A server's side of TLS, under a name."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


@contextmanager
def mail_server(
    *,
    tls: ssl.SSLContext | None = None,
    encrypted: bool = False,
    login: bool = False,
    port: int | None = None,
    **more: Any,
) -> Iterator[MailServer]:
    """Serve on a port of its own, or this one. `tls` offers STARTTLS, `encrypted` takes it from the first byte.

    `login` offers AUTH, in clear text too if there is no TLS.
    """
    with ReservedPort() as reserved:
        number = port or reserved.number
    server = MailServer(number)
    controller = _HangingUp(
        server,
        hostname=LOOPBACK,
        port=number,
        ssl_context=tls if encrypted else None,
        tls_context=None if encrypted else tls,
        authenticator=server.authenticate if login else None,
        auth_require_tls=bool(tls) and not encrypted,
        **more,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield listener.getsockname()[1]
