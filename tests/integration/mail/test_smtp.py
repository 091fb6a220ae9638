"""Letters over SMTP: who gets them, what a server's words mean, and that nothing goes out that others could read."""

import asyncio
import gc
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from python_app_template.adapters.secondary.mail.smtp import SmtpNotifications
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.notifications import Letter, Verdict
from python_app_template.settings import load
from tests.mail_server import ESCAPED, LOOPBACK, PASSWORD, USER, MailServer, certificate, mail_server, silent_server

ANN, BEN = "ann@shop.example", "ben@shop.example"
LETTER = Letter("<1@shop.example>", "stock@shop.example", (ANN, BEN), b"Message-ID: <1@shop.example>\r\n\r\n.hello\r\n")


def client(server: MailServer | int, scheme: str = "smtp", login: str = "", **more: object) -> SmtpNotifications:
    port = server if isinstance(server, int) else server.port
    given = {f"mail.{name}": value for name, value in more.items()}
    addresses = {"mail.from": LETTER.sender, "mail.to": f"{ANN},{BEN}", "mail.timeout_seconds": 2}
    return SmtpNotifications(load({"mail.url": f"{scheme}://{login}127.0.0.1:{port}"} | addresses | given).mail)


LOGIN = f"{USER}:{ESCAPED}@"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file that names the authority."""
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


# --- What a server says


async def test_a_letter_arrives_byte_for_byte(server: MailServer) -> None:
    assert await client(server).send(LETTER) == Verdict()
    (arrived,) = server.mails
    assert (arrived.sender, arrived.recipients, arrived.content) == (LETTER.sender, [ANN, BEN], LETTER.content)


async def test_a_server_that_is_away_is_waited_for() -> None:
    with mail_server() as server:
        gone = server.port
    with pytest.raises(TransientError):
        await client(gone).send(LETTER)


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_4xx_is_a_matter_of_time(server: MailServer, stage: str) -> None:
    server.answer = lambda at, _address: "451 come back later" if at == stage else None
    with pytest.raises(TransientError, match="451 come back later") as fault:
        await client(server).send(LETTER)
    assert fault.value.code == "SMTP_451"
    assert server.mails == []


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_5xx_is_for_good(server: MailServer, stage: str) -> None:
    server.answer = lambda at, _address: "554 never" if at == stage else None
    assert await client(server).send(LETTER) == Verdict(refused={ANN: "554 never", BEN: "554 never"})
    assert server.mails == []


async def test_each_recipient_has_a_fate_of_their_own(server: MailServer) -> None:
    server.answer = lambda at, address: {("RCPT", ANN): "450 busy", ("RCPT", BEN): "550 unknown"}.get((at, address))
    third = LETTER._replace(recipients=(ANN, BEN, "eve@shop.example"))
    assert await client(server).send(third) == Verdict(refused={BEN: "550 unknown"}, deferred={ANN: "450 busy"})
    assert [mail.recipients for mail in server.mails] == [["eve@shop.example"]]


async def test_who_is_asked_to_log_in_first_has_no_bad_letter(server: MailServer) -> None:
    server.answer = lambda at, _address: "530 5.7.0 authentication required" if at == "MAIL" else None
    with pytest.raises(TransientError, match="530"):
        await client(server).send(LETTER)


async def test_a_server_that_says_nothing_is_not_waited_for_longer_than_the_settings_say() -> None:
    with silent_server() as port:
        began = time.monotonic()
        with pytest.raises(TransientError):
            await client(port, timeout_seconds=0.2).send(LETTER)
        assert time.monotonic() - began < 5


async def test_a_server_that_is_slow_each_time_has_no_more_time_for_a_letter_than_the_settings_say() -> None:
    async def drawl(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            writer.write(b"220 hello\r\n")
            while await reader.readline():
                await asyncio.sleep(0.2)
                writer.write(b"250 OK\r\n")

    many = LETTER._replace(recipients=tuple(f"{number}@shop.example" for number in range(20)))
    listener = await asyncio.start_server(drawl, "127.0.0.1", 0)
    async with listener:
        began = time.monotonic()
        with pytest.raises(TransientError):
            await client(listener.sockets[0].getsockname()[1], timeout_seconds=0.4).send(many)
        assert time.monotonic() - began < 3.5


async def test_a_server_that_breaks_off_after_it_took_a_letter_has_taken_it() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            writer.write(b"220 hello\r\n")
            while line := await reader.readline():
                if line == b"DATA\r\n":
                    writer.write(b"354 go on\r\n")
                    await reader.readuntil(b"\r\n.\r\n")
                    writer.write(b"250 taken\r\n")
                    await writer.drain()
                    break
                writer.write(b"250 OK\r\n")

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listener:
        assert await client(listener.sockets[0].getsockname()[1]).send(LETTER) == Verdict()


def test_a_server_that_ends_leaves_no_connection_to_a_later_test() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(20):  # mostly while it is being accepted
            with mail_server() as server:
                connection = socket.create_connection((LOOPBACK, server.port))
            connection.close()
        gc.collect()
    assert said == []


async def test_a_letter_that_was_written_for_the_log_is_not_called_sent(server: MailServer) -> None:
    verdict = await client(server).send(LETTER._replace(recipients=()))
    assert list(verdict.refused) == [""]
    assert server.stages == []


# --- What others could read


@pytest.mark.parametrize("more", [{"login": LOGIN}, {"require_tls": "true"}])
async def test_where_encryption_is_stripped_nothing_is_sent_and_no_password(more: dict[str, str]) -> None:
    with mail_server(login=True) as server:
        for said in (client(server, **more).send(LETTER), client(server, **more).probe()):
            with pytest.raises(TransientError, match="STARTTLS"):
                await said
        assert (server.stages, server.passwords, server.mails) == ([], [], [])


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_with_a_login_it_arrives_encrypted(authority: trustme.CA, trusted: str, scheme: str) -> None:
    with mail_server(tls=certificate(authority), encrypted=scheme == "smtps", login=True) as server:
        mail = client(server, scheme, LOGIN, ca_file=trusted)
        assert await mail.probe() == f"127.0.0.1:{server.port}, encrypted"
        assert await mail.send(LETTER) == Verdict()
        assert [(arrived.user, arrived.encrypted) for arrived in server.mails] == [(USER, True)]


async def test_a_wrong_password_is_told_and_never_shown(authority: trustme.CA, trusted: str) -> None:
    with mail_server(tls=certificate(authority), login=True) as server:
        with pytest.raises(TransientError, match="login refused: 535") as fault:
            await client(server, login=f"{USER}:{ESCAPED}x@", ca_file=trusted).send(LETTER)
        assert PASSWORD not in str(fault.value)
        assert server.passwords
        assert (server.stages, server.mails) == ([], [])


@pytest.mark.parametrize("name", ["127.0.0.1", "elsewhere.example"])
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    authority: trustme.CA, trusted: str, name: str, scheme: str
) -> None:
    trust = {} if name == "127.0.0.1" else {"ca_file": trusted}
    with mail_server(tls=certificate(authority, name), encrypted=scheme == "smtps", login=True) as server:
        with pytest.raises(TransientError, match="certificate"):
            await client(server, scheme, LOGIN, **trust).send(LETTER)
        assert (server.stages, server.passwords) == ([], [])


async def test_encryption_is_taken_where_it_is_offered(authority: trustme.CA, trusted: str) -> None:
    with mail_server(tls=certificate(authority)) as server:
        await client(server, ca_file=trusted).send(LETTER)
        assert [arrived.encrypted for arrived in server.mails] == [True]


async def test_a_file_without_a_certificate_is_told(server: MailServer, tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        await client(server, ca_file=str(tmp_path / "none")).send(LETTER)
