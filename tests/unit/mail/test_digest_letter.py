"""A digest as a mail: its headers, its two parts, and that nothing in an id gets the better of either."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest

from python_app_template.adapters.secondary.mail.digest_letter import composer
from python_app_template.core.domain.shortages import MOST_LISTED, Digest, Shortage
from python_app_template.core.ports.digests import Ended
from python_app_template.core.ports.notifications import Letter
from python_app_template.settings import load

AT = datetime(2026, 11, 20, 20, 0, 0, 123456, UTC)
MAIL = load(
    {
        "mail.url": "smtp://mail.example",
        "mail.from": "stock@shop.example",
        "mail.to": "ben@shop.example,ann@shop.example",
    }
).mail


def shortage(sku: str = "CHAIR", order_id: str = "order-1", qty: int = 2) -> Shortage:
    return Shortage(sku, order_id, 0, qty, AT)


def letter(*shortages: Shortage, service: str = "python-app-template") -> Letter:
    compose = composer(MAIL, "allocations", service, "test", lambda: AT + timedelta(minutes=1))
    return compose(Ended(Digest().extended(shortages), AT, {0: 5, 2: 0}, {0: 17, 2: 1}))


def mail(*shortages: Shortage) -> EmailMessage:
    return message_from_bytes(letter(*shortages).content, _class=EmailMessage, policy=policy.default)


def part(found: EmailMessage, kind: str) -> str:
    body = found.get_body((kind,))
    assert body is not None
    return str(body.get_content())


class Texts(HTMLParser):
    """Tags, and what stands between them, as a reader of HTML takes it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_its_headers_say_who_when_and_that_no_automaton_shall_answer() -> None:
    made = letter(shortage(), shortage(qty=3))
    found = message_from_bytes(made.content, _class=EmailMessage, policy=policy.default)
    assert (made.sender, made.recipients) == ("stock@shop.example", ("ann@shop.example", "ben@shop.example"))
    assert {name: str(found[name]) for name in ("From", "To", "Subject", "Date", "Auto-Submitted", "X-Events")} == {
        "From": "stock@shop.example",
        "To": "ann@shop.example, ben@shop.example",
        "Subject": "Out of stock: 2 lines, 5 units",
        "Date": "Fri, 20 Nov 2026 20:01:00 +0000",
        "Auto-Submitted": "auto-generated",
        "X-Events": "allocations/0:5-17, allocations/2:0-1",
    }
    assert str(found["Message-ID"]) == made.message_id
    assert made.message_id.endswith("@shop.example>")


def test_no_two_have_one_id() -> None:
    assert letter(shortage()).message_id != letter(shortage()).message_id


def test_both_parts_name_each_line_and_the_totals() -> None:
    found = mail(shortage("CHAIR", "order-1", 2), shortage("LAMP", "order-2", 40))
    for kind in ("plain", "html"):
        text = part(found, kind)
        for told in (
            "2 lines are out of stock",
            "42 units",
            "CHAIR",
            "order-1",
            "LAMP",
            "order-2",
            "2026-11-20 20:00:00",
        ):
            assert told in text
        assert "more" not in text


def test_many_are_counted_and_not_listed() -> None:
    found = mail(*(shortage(f"SKU-{number}") for number in range(1000)))
    assert found["Subject"] == "Out of stock: 1,000 lines, 2,000 units"
    for kind in ("plain", "html"):
        text = part(found, kind)
        assert text.count("SKU-") == MOST_LISTED
        assert "and 800 more" in text


def test_markup_in_an_id_stays_text() -> None:
    sku = "<script>alert('&amp;')</script>"
    html = Texts(part(mail(shortage(sku, '"><img src=x onerror=y>')), "html"))
    assert not html.tags & {"script", "img"}
    text = "".join(html.texts)
    assert sku in text
    assert '"><img src=x onerror=y>' in text
    assert sku in part(mail(shortage(sku)), "plain")


def test_templates_in_an_id_stay_text() -> None:
    for kind in ("plain", "html"):
        assert "{{ 7 * 7 }}{% raw %}" in part(mail(shortage("{{ 7 * 7 }}{% raw %}")), kind)


@pytest.mark.parametrize(
    ("sku", "shown"),
    [
        ("BÜRO-STUHL-椅子-🪑", "BÜRO-STUHL-椅子-🪑"),
        ("A\u2028Bcc: eve@shop.example", "A\\u2028Bcc: eve@shop.example"),
        ("\u202egnp.RED", "\\u202egnp.RED"),
        ("\u2029\u200b", "\\u2029\\u200b"),
    ],
)
def test_what_can_not_be_seen_is_shown_by_its_number(sku: str, shown: str) -> None:
    found = mail(shortage(sku))
    assert set(found.keys()) == set(mail(shortage()).keys())
    for kind in ("plain", "html"):
        assert shown in part(found, kind)


def test_a_service_may_be_called_anything() -> None:
    content = letter(shortage(), service="a\r\nBcc: eve@shop.example").content
    assert b"\r\nBcc" not in content


def test_it_goes_through_every_server() -> None:
    """7 bits, and lines of 998 octets at the most, with CRLF (RFC 5321, 4.5.3.1.6; RFC 5322, 2.1.1)."""
    content = letter(*(shortage("🪑" * 64, "<&>\"'" * 12) for _ in range(MOST_LISTED))).content
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert len(content) < 500_000
