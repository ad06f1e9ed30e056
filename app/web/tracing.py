"""Each request has an id, which its log lines and its answer tell; pages and API get a line."""

import random
import re
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog
from flask import Flask, Response, g, request

from app.logs import REQUEST_ID
from app.web.access import OPEN_PATHS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger()

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a proxy may tell: nothing that could be taken for another line or field."""

_STATIC = "/static/"
"""Styles and scripts say nothing that their page does not."""

_BEGAN = "webex_ingest.began"
_MOST_PATH_CHARACTERS = 200


def follow_requests(app: Flask) -> None:
    """Let every request of an application be followed.

    What anybody may ask, and does every few seconds, has no line of its own.
    """
    app.wsgi_app = _Following(app.wsgi_app)  # type: ignore[method-assign]
    app.after_request(_end)


class _RequestId:
    """An id that is made when somebody wants to tell it."""

    __slots__ = ("_text",)

    def __init__(self, told: str | None) -> None:
        self._text = told if told is not None and _SANE.fullmatch(told) else ""

    def __str__(self) -> str:
        if not self._text:
            self._text = f"{random.getrandbits(64):016x}"
        return self._text


class _Following:
    """Gives a request its id before Flask sees it; all but free where nobody asks for it.

    No line tells of a delivery that was stored, so its 204 needs none.
    """

    def __init__(self, inner: "WSGIApplication") -> None:
        self._inner = inner

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request_id = _RequestId(environ.get("HTTP_X_REQUEST_ID"))
        environ[_BEGAN] = time.perf_counter()

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[..., Any]:
            if not status.startswith("204") or environ["PATH_INFO"] not in OPEN_PATHS:
                headers.append((HEADER, str(request_id)))
            return start_response(status, headers, *more)

        before = REQUEST_ID.set(request_id)
        try:
            return self._inner(environ, start)
        finally:
            REQUEST_ID.reset(before)


def _end(response: Response) -> Response:
    if request.path in OPEN_PATHS or request.path.startswith(_STATIC):
        return response
    # Printable, and without the query: it may hold what somebody searched for.
    path = quote(request.path, safe="/:@")[:_MOST_PATH_CHARACTERS]
    line = partial(
        _tell,
        request.environ[_BEGAN],
        request_id=str(REQUEST_ID.get()),
        method=request.method,
        path=path,
        status=response.status_code,
        bytes=response.content_length,
        principal=_principal(),
    )
    if response.is_streamed:
        # A download ends when its last byte has left, or its client has gone.
        response.call_on_close(line)
    else:
        line()
    return response


def _tell(began: float, **told: object) -> None:
    log.info("http.answered", seconds=round(time.perf_counter() - began, 4), **told)


def _principal() -> str | None:
    """Who was let in, as the guard has noted it; None for nobody."""
    principal = g.get("principal")
    return None if principal is None else str(getattr(principal, "name", principal))
