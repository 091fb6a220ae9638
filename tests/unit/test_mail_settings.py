"""Settings of mail: addresses that can do no harm, logins that nobody else reads."""

import pytest

from python_app_template.settings import SettingsError, load
from python_app_template.settings.sections.mail import Mail

WHOLE = {"mail.url": "smtp://mail.example", "mail.from": "stock@shop.example", "mail.to": "ann@shop.example"}
LOGIN = "smtp://stock:s3cr3t%40@mail.example"


def mail(**given: object) -> Mail:
    return load(WHOLE | {f"mail.{name.rstrip('_')}": value for name, value in given.items()}).mail


def faults(**given: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        mail(**given)
    return caught.value.lines


def test_a_long_value_is_not_repeated_whole() -> None:
    (line,) = faults(from_="x" * 5000)
    assert len(line) < 1000


def test_without_a_server_nothing_is_needed() -> None:
    assert load().mail.url is None


def test_several_addresses_are_separated_by_commas() -> None:
    to = "ann@shop.example, ben+stock@shop.example,"
    assert mail(to=to).to == {"ann@shop.example", "ben+stock@shop.example"}


@pytest.mark.parametrize(
    "address",
    [
        "nobody",
        "@shop.example",
        "ann@",
        "ann@shop.example\r\nBcc: eve@shop.example",
        "ann@shop.example\0",
        "Ann <ann@shop.example>",
        "ann@shop@example",
        "ann shop@example",
        "änn@shop.example",
        "ann@shöp.example",
        "ann@shop.example> SIZE=1",
        "a" * 65 + "@shop.example",
    ],
)
def test_what_is_no_address_is_one_line(address: str) -> None:
    for name in ("from_", "to"):
        (line,) = faults(**{name: address})
        assert not {*line} & {"\n", "\r", "\0"}
        assert f"APP_MAIL__{name.upper().rstrip('_')}" in line
        assert "is no address" in line


def test_a_line_break_at_the_end_is_no_part_of_an_address() -> None:
    assert "is no address" in faults(from_="stock@shop.example\n")[0]
    assert mail(to="ann@shop.example\n").to == {"ann@shop.example"}


def test_a_server_needs_addresses() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"mail.url": "smtp://mail.example"})
    assert [line.partition(":")[0] for line in caught.value.lines] == ["APP_MAIL__FROM", "APP_MAIL__TO"]


@pytest.mark.parametrize("url", ["mail.example:25", "http://mail.example", "smtp://", "smtp://mail.example:port"])
def test_a_server_has_an_address_of_mail(url: str) -> None:
    assert "APP_MAIL__URL" in faults(url=url)[0]


def test_a_login_is_whole_and_never_in_clear_text() -> None:
    assert "needs both user and password" in faults(url="smtp://stock@mail.example")[0]
    (line,) = faults(url=LOGIN, require_tls="false")
    assert line.startswith("APP_MAIL__REQUIRE_TLS: ")
    assert "s3cr3t" not in line


@pytest.mark.parametrize(
    ("given", "encrypts"),
    [
        ({}, False),
        ({"require_tls": "false"}, False),
        ({"require_tls": "true"}, True),
        ({"url": LOGIN}, True),
        ({"url": LOGIN, "require_tls": "true"}, True),
    ],
)
def test_it_is_encrypted_where_it_has_to_be(given: dict[str, str], encrypts: bool) -> None:  # noqa: FBT001 - expected
    assert mail(**given).encrypts == encrypts


def test_the_password_never_shows() -> None:
    assert "s3cr3t" not in f"{mail(url=LOGIN)!r} {mail(url=LOGIN)}"
