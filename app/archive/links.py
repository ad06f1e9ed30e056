"""Which links may be followed: https to listed hosts, and nothing else."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.errors import LinkRefused

_HOST = re.compile(r"\.?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.I)
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a link leads; ``listed`` when exactly this origin is allowed, private or not."""

    host: str
    listed: bool


def check_allowed(entry: str) -> None:
    """Raise ValueError unless ``entry`` can stand in ``DOWNLOAD_HOSTS``."""
    if "://" in entry:
        if not _is_origin(entry):
            raise ValueError("an origin must look like http://127.0.0.1:8801")
    elif not _HOST.fullmatch(entry):
        raise ValueError(
            "must be host names such as .webex.com, or origins such as http://127.0.0.1:8801"
        )


def check_link(link: str, allowed: tuple[str, ...]) -> Destination:
    """Return where a link leads; LinkRefused, without the link, if it must not be followed."""
    # What is not ASCII may be another host for us than for the resolver.
    if "\\" in link or not all(32 < ord(char) < 127 for char in link):
        raise LinkRefused("a download link with characters that no link has")
    try:
        parts = urlsplit(link)
        host, port = (parts.hostname or "").casefold(), parts.port
    except ValueError:
        raise LinkRefused("a download link that is not a URL") from None
    if parts.username is not None or parts.password is not None or not host:
        raise LinkRefused("a download link with a user name, or without a host")
    if port is None:
        port = {"http": 80, "https": 443}.get(parts.scheme)
    origin = (parts.scheme, host, port)
    if origin in _origins(allowed):
        return Destination(host, listed=True)
    if parts.scheme != "https" or port != 443:
        raise LinkRefused(f"a download link to {host} that is not https on port 443")
    suffixes = [entry for entry in allowed if "://" not in entry]
    if not _NAME.fullmatch(host) or not any(_matches(host, entry) for entry in suffixes):
        raise LinkRefused(f"a download link to {host}, which DOWNLOAD_HOSTS does not list")
    return Destination(host, listed=False)


def check_peer(address: str, destination: Destination) -> None:
    """Raise LinkRefused when a listed name leads to an address of a private network."""
    if not destination.listed and not _is_public(address):
        raise LinkRefused(f"{destination.host} leads to an address of a private network")


def _is_origin(entry: str) -> bool:
    try:
        parts = urlsplit(entry)
        port = parts.port
    except ValueError:
        return False
    bare = f"{parts.scheme}://{parts.netloc}".casefold() == entry.casefold().removesuffix("/")
    named = bool(parts.hostname) and parts.username is None and port != 0
    return parts.scheme in ("http", "https") and bare and named


def _is_public(address: str) -> bool:
    peer = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return peer.is_global and not peer.is_multicast


def _origins(allowed: tuple[str, ...]) -> set[tuple[str, str, int | None]]:
    found: set[tuple[str, str, int | None]] = set()
    for entry in allowed:
        if "://" in entry:
            parts = urlsplit(entry)
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
            found.add((parts.scheme, (parts.hostname or "").casefold(), port))
    return found


def _matches(host: str, entry: str) -> bool:
    entry = entry.casefold()
    return host == entry.lstrip(".") or host.endswith("." + entry.lstrip("."))
