"""Where a request comes from: this very machine, a household, a proxy that speaks for somebody."""

import ipaddress
import re

from flask import Request

LOOPBACK_HOST = re.compile(
    r"(?:localhost|127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE
)
"""What a Host header says that means this very machine."""

_OWN_NETWORKS = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("::1/128", "fc00::/7"),
    )
)
"""Where proxies ahead of us have their addresses."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_local(request: Request) -> bool:
    """Whether a request comes straight from this machine and was meant for it.

    The peer alone does not say so: a tunnel or proxy on this machine is a loopback peer
    too, and a page of a stranger can lead a local browser here under a name of its own. No
    browser speaks HTTP/1.0, but proxies that say nothing of themselves do, such as nginx unless
    it is told otherwise.
    """
    peer = _address(request.remote_addr or "")
    return (
        peer is not None
        and peer.is_loopback
        and request.environ.get("SERVER_PROTOCOL") != "HTTP/1.0"
        and LOOPBACK_HOST.fullmatch(request.environ.get("HTTP_HOST", "")) is not None
        and not any(
            name == "HTTP_FORWARDED" or name.startswith("HTTP_X_FORWARDED")
            for name in request.environ
        )
    )


def peer_of(request: Request) -> str:
    """Who is counted as one: an address, or the network that a provider gives to one household.

    Whoever comes from a network of our own is taken for a proxy, and believed whom it speaks for.
    """
    peer = _address(request.remote_addr or "")
    if peer is None:
        return "unknown"
    if any(peer in each for each in _OWN_NETWORKS):
        spoken_for = request.headers.get("X-Forwarded-For", "").rpartition(",")[2]
        peer = _address(spoken_for.strip()) or peer
    if isinstance(peer, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((peer, 64), strict=False))
    return str(peer)


def _address(text: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
