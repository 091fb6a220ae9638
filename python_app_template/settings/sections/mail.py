"""Mail about what is out of stock."""

import re
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from python_app_template.settings.kinds import Allowed, MailServer, Seconds, separated
from python_app_template.settings.sections.section import Section

MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
"""RFC 5321, 4.1.2, less what nobody has: quoted names, addresses in brackets."""


def _mailbox(text: str) -> str:
    if not MAILBOX.fullmatch(text):
        # The text is not repeated as it is: a line break in it would make two lines of one.
        raise ValueError(f"{text!a} is no address; another alphabet's domain is written as xn--...")
    return text


Mailbox = Annotated[str, AfterValidator(_mailbox), Allowed("address, for instance stock@shop.example")]
Mailboxes = Annotated[
    frozenset[Annotated[str, AfterValidator(_mailbox)]],
    NoDecode,
    BeforeValidator(separated),
    Field(max_length=100),
    Allowed("addresses, separated by commas, 100 at most"),
]


class Mail(Section):
    """The role `notifier`: whom it tells what is out of stock, and how often."""

    url: MailServer | None = None
    """The mail server; without one, what would be mailed is logged."""
    from_: Annotated[Mailbox | None, Field(alias="from"), Allowed("address, for instance stock@shop.example")] = None
    """Whom the mail is from."""
    to: Mailboxes = frozenset()
    """Whom it is to."""
    digest_seconds: Seconds = 60
    """Seconds between two mails at least."""
    timeout_seconds: Annotated[float, Field(ge=0.1, le=600, allow_inf_nan=False)] = 10
    """Seconds for each answer of the mail server, and for twice as many the whole mail."""
    retry_seconds: Seconds = 60
    """Seconds between two tries at most, while the mail server does not take a mail."""
    require_tls: Annotated[bool | None, Allowed("true or false")] = None
    """Whether it has to be encrypted; with a login it has to be in any case."""
    ca_file: str | None = None
    """File with the certificates of trusted authorities (PEM); the system's when not set."""

    @property
    def encrypts(self) -> bool:
        """Whether nothing may be sent in clear text."""
        return self.require_tls or (self.url is not None and self._login() is not None)

    def contradictions(self) -> Iterator[str]:
        """A server without addresses, half a login, a login that everybody could read."""
        if self.url is None:
            return
        if self.from_ is None:
            yield "APP_MAIL__FROM: missing; APP_MAIL__URL needs it"
        if not self.to:
            yield "APP_MAIL__TO: missing; APP_MAIL__URL needs it"
        login = self._login()
        if login is not None and not all(login):
            yield "APP_MAIL__URL: a login needs both user and password"
        if login is not None and self.require_tls is False:
            yield "APP_MAIL__REQUIRE_TLS: not false when APP_MAIL__URL has a login; it would go out in clear text"

    def _login(self) -> tuple[str, str] | None:
        parts = urlsplit(self.url.get_secret_value() if self.url else "")
        return (parts.username or "", parts.password or "") if "@" in parts.netloc else None
