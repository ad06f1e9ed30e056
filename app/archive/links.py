"""Which links may be followed: https to listed hosts, and nothing else."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.errors import LinkRefused

_HOST = re.compile(r"\.?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.I)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a link leads; ``listed`` when exactly this origin is allowed, private or not."""

    host: str
    listed: bool


def check_allowed(entry: str) -> None:
    """Raise ValueError unless ``entry`` can stand in ``DOWNLOAD_HOSTS``."""
    if "://" in entry:
        parts = urlsplit(entry)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.path not in ("", "/")
        ):
            raise ValueError("an origin must look like http://127.0.0.1:8801")
    elif not _HOST.fullmatch(entry):
        raise ValueError(
            "must be host names such as .webex.com, or origins such as http://127.0.0.1:8801"
        )


def check_link(link: str, allowed: tuple[str, ...]) -> Destination:
    """Return where a link leads; LinkRefused, without the link, if it must not be followed."""
    if "\\" in link or any(ord(char) <= 32 or ord(char) == 127 for char in link):
        raise LinkRefused("a download link with spaces, backslashes or control characters")
    try:
        parts = urlsplit(link)
        host, port = (parts.hostname or "").casefold(), parts.port
    except ValueError:
        raise LinkRefused("a download link that is not a URL") from None
    if parts.username is not None or parts.password is not None or not host:
        raise LinkRefused("a download link with a user name, or without a host")
    origin = (parts.scheme, host, port or {"http": 80, "https": 443}.get(parts.scheme))
    if origin in _origins(allowed):
        return Destination(host, listed=True)
    if parts.scheme != "https" or port not in (None, 443):
        raise LinkRefused(f"a download link to {host} that is not https on port 443")
    if not any(_matches(host, entry) for entry in allowed if "://" not in entry):
        raise LinkRefused(f"a download link to {host}, which DOWNLOAD_HOSTS does not list")
    return Destination(host, listed=False)


def check_peer(address: str, destination: Destination) -> None:
    """Raise LinkRefused when a listed name leads to an address of a private network."""
    if not destination.listed and not ipaddress.ip_address(address.partition("%")[0]).is_global:
        raise LinkRefused(f"{destination.host} leads to an address of a private network")


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
