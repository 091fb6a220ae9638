"""A digest as a mail with a text and an HTML part. Yours.

Ids come from outside and may hold anything but control characters: none of them stands in a header, HTML is escaped by
the templates' engine, and what can not be seen (line separators, marks that turn the direction of writing) is shown by
its number.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from python_app_template.core.domain.shortages import Digest, Shortage
from python_app_template.core.ports.digests import Compose, Ended
from python_app_template.core.ports.notifications import Letter
from python_app_template.settings.sections.mail import Mail

TEMPLATES = Environment(
    loader=PackageLoader("python_app_template", "adapters/secondary/mail/templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)


def composer(mail: Mail, topic: str, service: str, environment: str, now: Callable[[], datetime]) -> Compose:
    """Return what makes a letter of a digest about this topic; no two are the same, so what was made is kept."""
    text, html = TEMPLATES.get_template("digest.txt"), TEMPLATES.get_template("digest.html")
    domain = mail.from_.partition("@")[2] if mail.from_ else "localhost"
    recipients = tuple(sorted(mail.to)) if mail.url else ()

    def compose(ended: Ended) -> Letter:
        message_id = f"<digest.{uuid4()}@{domain}>"
        shown = _shown(ended) | {"service": visible(service), "environment": environment, "message_id": message_id}
        made = EmailMessage(policy.SMTP)
        made["Subject"] = shown["subject"] = subject(ended.digest)
        made["Date"] = format_datetime(now())
        made["Message-ID"] = message_id
        made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automaton shall answer
        made["X-Events"] = ", ".join(f"{topic}/{p}:{start}-{ended.ends[p]}" for p, start in ended.starts.items())
        if mail.from_:
            made["From"] = mail.from_
        if recipients:
            made["To"] = ", ".join(recipients)
        made.set_content(text.render(shown), cte="quoted-printable")
        made.add_alternative(html.render(shown), subtype="html", cte="quoted-printable")
        return Letter(message_id, mail.from_ or "", recipients, made.as_bytes())

    return compose


def subject(digest: Digest) -> str:
    """Return numbers alone: what others named has no place in a header."""
    lines, units = ("line" if digest.lines == 1 else "lines"), ("unit" if digest.units == 1 else "units")
    return f"Out of stock: {digest.lines:,} {lines}, {digest.units:,} {units}"


def visible(text: str) -> str:
    """Return the text with what can't be seen written as its number."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _shown(ended: Ended) -> dict[str, Any]:
    digest = ended.digest
    return {
        "lines": digest.lines,
        "units": digest.units,
        "unlisted": digest.unlisted,
        "since": _instant(ended.since),
        "listed": [_row(shortage) for shortage in digest.listed],
    }


def _row(shortage: Shortage) -> dict[str, Any]:
    return {
        "sku": visible(shortage.sku),
        "order_id": visible(shortage.order_id),
        "line": shortage.line,
        "qty": shortage.qty,
        "occurred_at": _instant(shortage.occurred_at),
    }


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
