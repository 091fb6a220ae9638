"""Mail about what is out of stock."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from python_app_template.settings.kinds import Allowed, MailServer, Seconds, separated
from python_app_template.settings.sections.section import Section


class Mail(Section):
    """The role `notifier`: whom it tells what is out of stock, and how often."""

    url: MailServer | None = None
    """The mail server; without one, what would be mailed is logged."""
    from_: Annotated[str | None, Field(alias="from"), Allowed("address, for instance stock@shop.example")] = None
    """Whom the mail is from."""
    to: Annotated[frozenset[str], NoDecode, BeforeValidator(separated), Allowed("addresses, separated by commas")] = (
        frozenset()
    )
    """Whom it is to."""
    digest_seconds: Seconds = 60
    """Seconds between two mails at least."""
    timeout_seconds: Seconds = 10
    """Seconds for the mail server to answer."""
    require_tls: Annotated[bool | None, Allowed("true or false")] = None
    """Whether it has to be encrypted; with a login it has to be in any case."""
