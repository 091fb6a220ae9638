import pytest

from python_app_template.adapters.primary.web.proxies import Origin, networks, origin

TRUSTED = networks({"10.0.0.0/8", "192.0.2.1", "2001:db8:aaaa::/48"})


def address(peer: str, *forwarded_for: str) -> str:
    return origin(peer, "http", forwarded_for, [], TRUSTED).address


def scheme(peer: str, *forwarded_proto: str) -> str:
    return origin(peer, "http", [], forwarded_proto, TRUSTED).scheme


def test_a_stranger_is_not_believed() -> None:
    assert address("203.0.113.5", "198.51.100.9") == "203.0.113.5"
    assert scheme("203.0.113.5", "https") == "http"
    assert origin("10.0.0.1", "http", ["198.51.100.9"], ["https"], networks(())) == Origin("10.0.0.1", "http")


def test_a_listed_proxy_is_believed() -> None:
    assert origin("10.0.0.1", "http", ["198.51.100.9"], ["https"], TRUSTED) == Origin("198.51.100.9", "https")
    assert address("192.0.2.1", "198.51.100.9") == "198.51.100.9"
    assert address("192.0.2.2", "198.51.100.9") == "192.0.2.2"


@pytest.mark.parametrize(
    ("forwarded_for", "found"),
    [
        (["198.51.100.9, 10.0.0.7"], "198.51.100.9"),
        (["198.51.100.9", "10.0.0.7, 10.0.0.8"], "198.51.100.9"),
        (["198.51.100.9,203.0.113.5,10.0.0.7"], "203.0.113.5"),
        (["10.0.0.9, 10.0.0.7"], "10.0.0.9"),
        ([], "10.0.0.1"),
    ],
)
def test_several_proxies_are_gone_through_from_the_last_one(forwarded_for: list[str], found: str) -> None:
    assert address("10.0.0.1", *forwarded_for) == found


@pytest.mark.parametrize("claimed", ["127.0.0.1", "10.9.9.9", "192.0.2.1", "::1", "x", "", ",,,", "unknown"])
def test_what_a_client_claims_of_itself_is_only_passed_on(claimed: str) -> None:
    """A proxy appends whom it saw: the client, who wrote the rest, is the first that is not trusted."""
    assert address("10.0.0.1", f"{claimed}, 198.51.100.9") == "198.51.100.9"
    assert address("10.0.0.1", claimed, "198.51.100.9, 10.0.0.2") == "198.51.100.9"


@pytest.mark.parametrize("hop", ["unknown", "", "_hidden", "198.51.100.256", "x.example", "198.51.100.9/8", "1.2.3"])
def test_beyond_what_is_no_address_nobody_is_known(hop: str) -> None:
    assert address("10.0.0.1", hop) == "10.0.0.1"
    assert address("10.0.0.1", f"198.51.100.9, {hop}, 10.0.0.7") == "10.0.0.7"


@pytest.mark.parametrize(
    ("peer", "hop", "found"),
    [
        ("10.0.0.1", "198.51.100.9:4711", "198.51.100.9"),
        ("10.0.0.1", "[2001:db8::5]:443", "2001:db8::5"),
        ("10.0.0.1", "[2001:db8::5]", "2001:db8::5"),
        ("10.0.0.1", "2001:DB8:0::5", "2001:db8::5"),
        ("10.0.0.1", "::ffff:198.51.100.9", "198.51.100.9"),
        ("::ffff:10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("2001:db8:aaaa::1", "2001:db8:bbbb::2", "2001:db8:bbbb::2"),
        ("2001:db8:aaaa::1", "2001:db8:bbbb::2, 2001:db8:aaaa:7::1", "2001:db8:bbbb::2"),
        ("2001:db8:aaab::1", "2001:db8:bbbb::2", "2001:db8:aaab::1"),
        ("::ffff:203.0.113.5", "198.51.100.9", "203.0.113.5"),
        ("fe80::1%eth0", "198.51.100.9", "fe80::1"),
        ("", "198.51.100.9", ""),
    ],
)
def test_addresses_come_in_many_forms(peer: str, hop: str, found: str) -> None:
    assert address(peer, hop) == found


@pytest.mark.parametrize(
    ("said", "found"), [(["HTTPS"], "https"), (["http", "https"], "https"), (["https, ftp"], "http"), ([""], "http")]
)
def test_the_scheme_is_what_the_last_proxy_says(said: list[str], found: str) -> None:
    assert scheme("10.0.0.1", *said) == found


@pytest.mark.parametrize("listed", ["10.0.0.0/33", "proxy.example", "*", "10.0.0.1:80"])
def test_only_addresses_and_networks_can_be_listed(listed: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear to be|is not"):
        networks([listed])
