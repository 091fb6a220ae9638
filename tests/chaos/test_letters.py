"""Mails are held against the events that they are about; they are made as the service makes them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from python_app_template.adapters.secondary.mail.digest_letter import composer
from python_app_template.audit.evidence import Record
from python_app_template.core.domain.shortages import Digest, Shortage
from python_app_template.core.ports.digests import Ended
from python_app_template.settings.sections.mail import Mail as MailSettings
from tests.chaos.letters import Line, Mail, out_of_stock, untold

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BEGUN = {0: 0, 1: 0}
ANN, BOB = "ann@shop.example", "bob@shop.example"
LINES = [Line(n % 2, n // 2, 1 + n % 3, "LAMP", f"o{n}", n % 4) for n in range(600)]
COMPOSE = composer(
    MailSettings.model_validate({"from": "stock@shop.example", "to": ANN}),
    "allocations",
    "service",
    "test",
    lambda: NOW,
)


def mail(start: int, end: int, *to: str, lost: int = 0) -> Mail:
    """Tell of these offsets of both partitions, but for so many lines that are lost."""
    told = [line for line in LINES if start <= line.offset < end][lost:]
    shortages = [Shortage(line.sku, line.order_id, line.line, line.qty, NOW) for line in told]
    ended = Ended(Digest().extended(shortages), NOW, dict.fromkeys(BEGUN, start), dict.fromkeys(BEGUN, end))
    return Mail(to or (ANN, BOB), COMPOSE(ended).content)


def faults(*mails: Mail, lines: Sequence[Line] = LINES) -> list[str]:
    return untold(lines, BEGUN, [ANN, BOB], mails)


def test_lines_that_are_out_of_stock_are_found_among_the_events() -> None:
    body = {"type": "line.out_of_stock", "qty": 1, "sku": "LAMP", "order_id": "o0", "line": 0}
    other = Record(0, 1, b"LAMP", json.dumps(body | {"type": "line.allocated"}).encode())
    assert out_of_stock([other, Record(0, 0, b"LAMP", json.dumps(body).encode())]) == LINES[:1]


def test_every_line_is_told_of_listed_or_counted() -> None:
    assert faults(mail(0, 20), mail(20, 300)) == []
    assert faults(mail(20, 300), mail(0, 20)) == []


def test_offsets_without_a_line_need_no_mail() -> None:
    sparse = [line for line in LINES if not 20 <= line.offset < 30]
    assert faults(mail(0, 20), mail(30, 300), lines=sparse) == []


def test_the_same_mail_may_come_again_unchanged() -> None:
    first, rest = mail(0, 20), mail(20, 300)
    assert faults(first, first, rest) == []
    (fault,) = faults(first, first._replace(content=first.content.replace(b" 00:00:00 ", b" 00:00:01 ")), rest)
    assert "has come with other bytes" in fault


def test_what_nobody_was_told_of_is_found() -> None:
    found = faults(mail(0, 20), mail(30, 300))
    assert f"{ANN}: partition 0: nothing tells of 20 to 30" in found
    assert any(fault.startswith(f"{BOB}: partition 1: 100 lines from 200 on") for fault in faults(mail(0, 200)))
    assert any("300 lines from 0 on" in fault for fault in faults())


def test_what_was_lost_from_the_totals_is_found() -> None:
    (fault,) = faults(mail(0, 300, lost=1))
    assert "counts 599 lines" in fault
    assert "there are 600" in fault


def test_each_recipient_has_to_be_told() -> None:
    (first, second) = faults(mail(0, 20), mail(20, 300, BOB))
    assert first.startswith(f"{ANN}: partition 0: 280 lines from 20 on")
    assert second.startswith(f"{ANN}: partition 1")


def test_a_line_in_two_mails_can_not_be_recognised_as_told() -> None:
    assert all("is told of in another mail too" in fault for fault in faults(mail(0, 30), mail(20, 300)))
    assert faults(mail(0, 30), mail(20, 300))
