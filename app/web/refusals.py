"""What is said to whom is refused: a page to a browser, JSON to a program, and where to sign in."""

import re
from urllib.parse import quote, urlsplit

from flask import Response, jsonify, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException, Unauthorized
from werkzeug.wrappers import Response as AnyResponse

from app.web.principal import SAFE_METHODS
from app.web.problem_json import API, of_http

_BASIC = 'Basic realm="webex-ingest", charset="UTF-8"'
_BEARER = 'Bearer realm="webex-ingest"'

_PLACE = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A place on this host and no other: browsers take ``//`` and ``/\\`` for the begin of a host."""

_HEADS = {
    403: "This is not allowed",
    404: "There is no such page",
    405: "This page takes no such request",
    413: "This is too large",
    429: "Too many tries",
}


def refuse(error: HTTPException) -> AnyResponse:
    """The answer to an error: a sentence, in the form that who asks can read."""
    code = error.code or 500
    if isinstance(error, Unauthorized):
        answer = _sign_in_first(error)
    elif wants_page():
        head = _HEADS.get(code, "This did not work")
        answer = make_response(
            render_template("refused.html", head=head, sentence=error.description), code
        )
    else:
        answer = _as_json(error)
    if retry_after := getattr(error, "retry_after", None):
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def wants_page() -> bool:
    """Whether who asks is a browser that shows a page: programs take anything, or rather JSON."""
    accepted = request.accept_mimetypes
    least = max(accepted["application/json"], 0.001)
    return any(kind == "text/html" and quality >= least for kind, quality in accepted)


def safe_place(told: str | None) -> str:
    """Where to go on after signing in: what was asked for, if it is a place of ours."""
    return told if told and _PLACE.fullmatch(told) else url_for("pages.meetings")


def _sign_in_first(error: Unauthorized) -> AnyResponse:
    if "Authorization" not in request.headers:
        if "HX-Request" in request.headers:
            # A part of a page cannot be replaced by one that asks for a password.
            answer = _challenge(error)
            answer.headers["HX-Redirect"] = _login_for(*_shown_page())
            return answer
        if wants_page():
            if request.method not in SAFE_METHODS:
                return redirect(url_for("login.form"), 303)
            here = request.script_root + request.path
            return redirect(_login_for(here, request.query_string.decode("latin-1")), 303)
    return _challenge(error)


def _shown_page() -> tuple[str, str]:
    """Path and query of the page that htmx says it is on; empty where that is no address."""
    try:
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return "", ""
    return shown.path, shown.query


def _login_for(path: str, query: str) -> str:
    place = quote(path, safe="/%:@!$&'()*+,;=~-._")
    if query:
        place += "?" + quote(query, safe="/%:@!$&'()*+,;=~-._?")
    is_known = _PLACE.fullmatch(place) and place != "/"
    return url_for("login.form", next=place if is_known else None)


def _challenge(error: Unauthorized) -> Response:
    answer = _as_json(error)
    is_browser = "Sec-Fetch-Mode" in request.headers or "HX-Request" in request.headers
    if not is_browser:
        # A browser would ask for the password in a window of its own, over the page it shows.
        answer.headers.add("WWW-Authenticate", _BASIC)
    answer.headers.add("WWW-Authenticate", _BEARER)
    return answer


def _as_json(error: HTTPException) -> Response:
    if request.path.startswith(API):
        return of_http(error)
    answer = jsonify(error=error.description)
    answer.status_code = error.code or 500
    return answer
