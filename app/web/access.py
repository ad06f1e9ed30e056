"""Who may look: the operator with the password, or without one somebody at this very machine."""

import base64
import hmac
import ipaddress
import re
from collections.abc import Callable

from flask import Request, abort, g, request

from app.config import Settings

OPERATOR = "operator"

OPEN_PATHS = frozenset({"/webhooks/webex", "/livez", "/readyz"})
"""What answers everybody, with a few bytes."""

_LOOPBACK_HOST = re.compile(
    r"(?:localhost|127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE
)
_ONLY_HERE = (
    "Without OPERATOR_PASSWORD this page is only for a browser on the same machine "
    "(http://localhost, no proxy or tunnel): set OPERATOR_PASSWORD and sign in as 'operator'."
)
_WRONG = "Sign in as 'operator' with the OPERATOR_PASSWORD of this service."


def guard(settings: Settings) -> Callable[[], None]:
    """A before_request function that keeps pages, API and figures for the operator.

    The webhook door has its own signature; probes must work without a password.
    """
    password = settings.operator_password
    expected = f"{OPERATOR}:{password.get_secret_value()}".encode() if password else None

    def check_access() -> None:
        if request.path in OPEN_PATHS:
            return
        if expected is None and not is_local(request):
            abort(403, _ONLY_HERE)
        if expected is not None and not hmac.compare_digest(_credentials(request), expected):
            abort(401, _WRONG)
        g.principal = OPERATOR if expected is not None else "local"

    return check_access


def is_local(request: Request) -> bool:
    """Whether a request comes straight from this machine and was meant for it.

    The peer alone does not say so: a tunnel or proxy on this machine is a loopback peer
    too, and a page of a stranger can lead a local browser here under a name of its own.
    """
    return (
        _is_loopback(request.remote_addr or "")
        and _LOOPBACK_HOST.fullmatch(request.environ.get("HTTP_HOST", "")) is not None
        and not any(
            name == "HTTP_FORWARDED" or name.startswith("HTTP_X_FORWARDED")
            for name in request.environ
        )
    )


def _is_loopback(address: str) -> bool:
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return (mapped or peer).is_loopback


def _credentials(request: Request) -> bytes:
    """What an Authorization header says, ``user:password``; empty where it says nothing readable.

    Werkzeug's own reading fails on a header that is not ASCII.
    """
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return b""
