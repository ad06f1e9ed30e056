"""What browsers are told to allow: headers of every answer, and the flags of cookies."""

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Request, Response, request
from werkzeug.wrappers import Response as AnyResponse

from app.config import Settings
from app.web.peers import LOOPBACK_HOST

_CONTENT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)

HEADERS = {
    "Content-Security-Policy": _CONTENT,
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" a browser would not say where its own form was sent from.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
    "serial=(), midi=(), display-capture=(), browsing-topics=()",
}
_OPENER = "same-origin"
_HSTS = "max-age=31536000"

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def protect(settings: Settings) -> Callable[[Response], Response]:
    """An after_request function that adds what an answer does not say itself."""

    def add_headers(response: Response) -> Response:
        if response.status_code == 204:
            # Nothing that a browser could misread, and the door has no time to waste.
            return response
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        is_here = LOOPBACK_HOST.fullmatch(own_host(request)) is not None
        is_safe = is_https(request, settings)
        if is_here or is_safe:
            # By plain http browsers ignore it, and complain.
            response.headers.setdefault("Cross-Origin-Opener-Policy", _OPENER)
        if is_safe and not is_here:
            # It counts for all ports of a host, which nobody wants of a developer's own machine.
            response.headers.setdefault("Strict-Transport-Security", _HSTS)
        return response

    return add_headers


def is_https(request: Request, settings: Settings) -> bool:
    """Whether the browser that asks is sure to have come by https, be it to a proxy ahead of us."""
    if request.is_secure:
        return True
    public = urlsplit(str(settings.public_url or ""))
    return public.scheme == "https" and own_host(request) == _host(public.netloc, "https")


def own_origins(request: Request, settings: Settings) -> set[str]:
    """The hosts that a form of our own pages may say it comes from."""
    public = urlsplit(str(settings.public_url or ""))
    return {own_host(request), _host(public.netloc, public.scheme)} - {""}


def own_host(request: Request) -> str:
    """The host that the request was sent to, as it says so itself."""
    host = str(request.environ.get("HTTP_HOST", ""))
    return _host(_host(host, "http"), "https")


def host_of_origin(origin: str) -> str:
    """The host in an Origin header; empty for ``null`` and what is none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return _host(parts.netloc, parts.scheme)


def set_cookie(
    response: AnyResponse,
    settings: Settings,
    name: str,
    value: str,
    *,
    seconds: int | None = None,
) -> None:
    """Set a cookie that no script can read and no page of others can send; an empty one ends it."""
    response.set_cookie(
        cookie_name(name, settings),
        value,
        max_age=seconds if value else 0,
        path="/",
        secure=is_https(request, settings),
        httponly=True,
        samesite="Lax",
    )


def read_cookie(settings: Settings, name: str) -> str:
    """What a cookie of ours says; empty where there is none."""
    return request.cookies.get(cookie_name(name, settings), "")


def cookie_name(name: str, settings: Settings) -> str:
    """The name of a cookie; by https one that no neighbour and no plain http can set."""
    prefix = "__Host-" if is_https(request, settings) else ""
    return f"{prefix}webex_ingest_{name}"


def _host(host: str, scheme: str) -> str:
    return host.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ""))
