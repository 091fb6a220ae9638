"""Letters to a mail server, over SMTP.

What a server says about one letter (RFC 5321, 4.2.1) is that letter's fate: 4xx later, 5xx never. What it says before
that, about the connection, encryption and login, is no letter's fault, however final it sounds: a person sets it right.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import aiosmtplib

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.notifications import Letter, Notifications, Verdict
from python_app_template.settings.sections.mail import Mail

PERMANENT = range(500, 600)
SESSION = frozenset({530, 538})
"""5xx that ask for a login or for encryption first (RFC 4954, 6; RFC 3207, 4): no letter's fault."""

PORTS = {"smtp": 25, "smtps": 465}
SAID = 500
"""Characters of a server's answer that are kept."""


class Server(NamedTuple):
    """Where it is, and how to get in."""

    host: str
    port: int
    encrypted: bool
    """From the first byte; otherwise by STARTTLS."""
    username: str | None
    password: str | None


def server(mail: Mail) -> Server:
    """Return what the setting says."""
    parts = urlsplit(mail.url.get_secret_value() if mail.url else "")
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return Server(parts.hostname or "", parts.port or PORTS[parts.scheme], parts.scheme == "smtps", username, password)


class SmtpNotifications(Notifications):
    """A connection for each letter: there are few."""

    def __init__(self, mail: Mail) -> None:
        self._mail, self._server = mail, server(mail)

    async def probe(self) -> str:
        """As the port says."""
        with smtp_errors():
            async with asyncio.timeout(2 * self._mail.timeout_seconds), self._session() as client:
                tls = "encrypted" if client.get_transport_info("sslcontext") is not None else "in clear text"
        return f"{self._server.host}:{self._server.port}, {tls}"

    async def send(self, letter: Letter) -> Verdict:
        """As the port says."""
        if not letter.recipients:
            return Verdict(refused={"": "it was written for the log, when no mail server was set"})
        with smtp_errors():
            async with asyncio.timeout(2 * self._mail.timeout_seconds), self._session() as client:
                return await _send(client, letter)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiosmtplib.SMTP]:
        to, mail = self._server, self._mail
        client = aiosmtplib.SMTP(
            hostname=to.host,
            port=to.port,
            username=to.username,
            password=to.password,
            timeout=mail.timeout_seconds,
            use_tls=to.encrypted,
            # Required, it fails where it is not offered; by itself, the library takes it where it is.
            start_tls=False if to.encrypted else (True if mail.encrypts else None),
            tls_context=await asyncio.to_thread(_trust, mail.ca_file),
        )
        try:
            await client.connect()
            yield client
            with suppress(aiosmtplib.SMTPException, OSError):  # all is said; a good-bye that fails changes nothing
                await client.quit()
        finally:
            client.close()


def _trust(ca_file: str | None) -> ssl.SSLContext:
    """Raises OSError, when the file is none or holds no certificate."""
    return ssl.create_default_context(cafile=ca_file)


async def _send(client: aiosmtplib.SMTP, letter: Letter) -> Verdict:
    try:
        answers, _ = await client.sendmail(letter.sender, letter.recipients, letter.content)
    except aiosmtplib.SMTPRecipientsRefused as all_refused:
        answers = {one.recipient: aiosmtplib.SMTPResponse(one.code, one.message) for one in all_refused.recipients}
    except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as refused:
        answers = dict.fromkeys(letter.recipients, aiosmtplib.SMTPResponse(refused.code, refused.message))
    verdict = _verdict(answers)
    if len(verdict.deferred) == len(letter.recipients):
        answer = next(iter(answers.values()))
        raise TransientError(f"mail server: {_said(answer.code, answer.message)}", code=f"SMTP_{answer.code}")
    return verdict


def _verdict(answers: Mapping[str, aiosmtplib.SMTPResponse]) -> Verdict:
    never = {to: answer for to, answer in answers.items() if answer.code in PERMANENT and answer.code not in SESSION}
    later = {to: answer for to, answer in answers.items() if to not in never}
    return Verdict({to: _said(*a) for to, a in never.items()}, {to: _said(*a) for to, a in later.items()})


def _said(code: int, message: str) -> str:
    return " ".join(f"{code} {message}".split())[:SAID]


@contextmanager
def smtp_errors() -> Iterator[None]:
    """Raise TransientError for all that goes wrong on the way; it has the server's words, and never a password."""
    try:
        yield
    except aiosmtplib.SMTPResponseException as error:
        kind = "login refused: " if isinstance(error, aiosmtplib.SMTPAuthenticationError) else ""
        raise TransientError(
            f"mail server: {kind}{_said(error.code, error.message)}", code=f"SMTP_{error.code}"
        ) from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        words = " ".join(str(error).split())[:SAID] or type(error).__name__
        raise TransientError(f"mail server: {words}", code=type(error).__name__) from error
