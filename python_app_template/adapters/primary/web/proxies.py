"""Where a request comes from: forwarded headers are believed of listed proxies alone."""

import ipaddress
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

SCHEMES = frozenset({"http", "https"})


class Origin(NamedTuple):
    """Whoever asks, as far as it can be believed."""

    address: str
    scheme: str


def networks(listed: Iterable[str]) -> list[Network]:
    """Read addresses and networks, as the settings have them. Raises ValueError."""
    return [ipaddress.ip_network(text, strict=False) for text in listed]


def origin(
    peer: str, scheme: str, forwarded_for: Sequence[str], forwarded_proto: Sequence[str], trusted: Collection[Network]
) -> Origin:
    """Tell who asked first, and how, of all whom a trusted proxy vouches for.

    `peer` is whom the connection is with; the headers come as they were sent, each line an item. Proxies append:
    what stands on the right was written last. So it is read from there, and no further than proxies that are
    trusted wrote it: whatever a client puts in front is only passed on.
    """
    address = _address(peer)
    if address is None or not _is_among(address, trusted):
        return Origin(peer if address is None else str(address), scheme)
    for hop in reversed(_items(forwarded_for)):
        named = _address(_without_port(hop))
        if named is None:  # a proxy that hides it, or nonsense: nobody beyond is known
            break
        address = named
        if not _is_among(address, trusted):
            break
    said = _items(forwarded_proto)[-1:]
    return Origin(str(address), said[0].lower() if said and said[0].lower() in SCHEMES else scheme)


def _items(lines: Sequence[str]) -> list[str]:
    return [item.strip() for line in lines for item in line.split(",")]


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _is_among(address: Address, trusted: Collection[Network]) -> bool:
    return any(address in network for network in trusted)
