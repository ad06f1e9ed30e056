"""Forms of our own: whatever changes something says what only a page of ours could know.

A page of somebody else can send a form here with the cookies of the browser it is in, but it can
neither read them nor our pages. So each form repeats what was made of a cookie of its own and of
the session; a cookie that a neighbour has set does not fit a session that it does not know.
"""

import hmac
import re
import secrets
from collections.abc import Callable

from flask import Flask, Response, abort, g, request
from markupsafe import Markup

from app.config import Settings
from app.models.words import DOOR
from app.web.principal import SAFE_METHODS, Way, current_principal
from app.web.protection import host_of_origin, own_origins, read_cookie, set_cookie

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"

_COOKIE = "form"
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST_BODY_BYTES = 64 * 1024

_STRANGER = (
    "This was sent by a page of another site, or through a proxy that tells another name: "
    "set PUBLIC_URL to the address in your browser."
)
_TOO_OLD = (
    "The page that this was sent from is too old, or your browser keeps no cookies: load the page "
    "again and repeat it. Programs send a token that `webex-ingest tokens add` makes."
)


def guard_forms(app: Flask, settings: Settings) -> None:
    """Check every request that may change something, and give templates ``csrf_field()``."""
    app.before_request(_check(settings))
    app.after_request(_keep(settings))
    app.jinja_env.globals["csrf_token"] = lambda: _token(settings)
    app.jinja_env.globals["csrf_field"] = lambda: _field(settings)


def _check(settings: Settings) -> Callable[[], None]:
    def check() -> None:
        leads_nowhere = request.endpoint is None
        if request.method in SAFE_METHODS or request.path == DOOR or leads_nowhere:
            return
        request.max_content_length = _MOST_BODY_BYTES
        principal = current_principal()
        if principal is not None and principal.way is Way.TOKEN:
            # No browser sends one by itself.
            return
        if not _comes_from_us(settings):
            abort(403, _STRANGER)
        given = request.headers.get(HEADER) or request.form.get(FIELD, "")
        secret = _given_secret(settings)
        if secret is None or not hmac.compare_digest(given.encode(), _made_of(secret).encode()):
            abort(403, _TOO_OLD)

    return check


def _comes_from_us(settings: Settings) -> bool:
    """What the browser itself says; those that say nothing, such as programs, need the field."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or host_of_origin(origin) in own_origins(request, settings)


def _token(settings: Settings) -> str:
    secret = _given_secret(settings) or g.get("form_secret")
    if secret is None:
        secret = g.form_secret = secrets.token_urlsafe(32)
    return _made_of(secret)


def _field(settings: Settings) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, _token(settings))


def _keep(settings: Settings) -> Callable[[Response], Response]:
    def keep(response: Response) -> Response:
        if "form_secret" in g:
            set_cookie(response, settings, _COOKIE, g.form_secret)
        return response

    return keep


def _given_secret(settings: Settings) -> str | None:
    secret = read_cookie(settings, _COOKIE)
    return secret if _SECRET.fullmatch(secret) else None


def _made_of(secret: str) -> str:
    session = g.get("session_secret") or ""
    return hmac.digest(secret.encode(), session.encode(), "sha256").hex()
