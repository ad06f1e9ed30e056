"""Requests to the Webex API: one token, one base address, pages followed to their end."""

import copy
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import requests
import structlog
import tenacity
import urllib3

from app.errors import (
    AnswerUnreadable,
    PartialList,
    RateLimited,
    TokenRefused,
    WebexError,
    WebexUnavailable,
)
from app.models.times import Clock
from app.webex.answers import raise_for_answer, read_json
from app.webex.waiting import waited

log = structlog.get_logger()

PAGE_SIZE = 100
_SMALLEST_PAGE = 10
_MOST_PAGES = 1000
# One request and its quick repetitions end well within a lease of thirty seconds.
_TIMEOUT_SECONDS = (5, 20)
_PATIENCE_SECONDS = 5
_NO_TEXTS = ("text/html", "application/xhtml+xml", "application/json")
_MOST_TEXT_BYTES = 64 * 1024**2
_MAX = re.compile(r"([?&]max=)(\d{1,6})(?=&|$)")
_TOKEN = re.compile(r"[!-~]+")


class Gate(Protocol):
    """Asked before each request; raises RateLimited when the budget is spent."""

    def enter(self) -> None:
        """Count one request."""

    def close(self, seconds: float | None) -> float:
        """Let nobody pass for so long, or as long as it thinks best; for how long it was."""


class Tokens(Protocol):
    """The access tokens of one account; raises TokenRefused or TokenRenewing."""

    def at_hand(self) -> str | None:
        """The one that should be good, where this process knows it; asks nobody."""

    def current(self) -> str:
        """The one that should be good; may take as long as Webex takes to make it."""

    def instead_of(self, refused: str) -> str | None:
        """Another one than this, which Webex has just refused; None where there is no other."""


class WebexClient:
    """Asks the Webex API as one account; the token goes to ``api_url`` and nowhere else.

    Raises the WebexErrors of ``app.errors``. GETs that got no answer, or were told "later" (408,
    423, 425, 5xx), are tried three times within two seconds; every longer wait is the caller's
    to write down. After a 401 the token is renewed once, and the request repeated once.
    """

    def __init__(self, api_url: str, *, tokens: Tokens, gate: Gate, clock: Clock) -> None:
        self.api_url = api_url.rstrip("/")
        self._tokens = tokens
        self._gate = gate
        self._clock = clock
        self._before_request: Callable[[], None] = lambda: None
        self._sessions = threading.local()

    def accompanied_by(self, before_request: Callable[[], None]) -> Self:
        """The same client, calling ``before_request`` before each request, as a heartbeat.

        While an answer is waited for it is called every half second; what it raises ends the wait.
        """
        accompanied = copy.copy(self)
        accompanied._before_request = before_request
        return accompanied

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One JSON object."""
        return read_json(self._ask("GET", f"{self.api_url}{path}", params=params))

    def get_text(self, path: str, params: Mapping[str, Any] | None = None) -> bytes:
        """The bytes of a text of at most 64 MiB, as Webex sent them; never a page or a message."""
        response = self._ask("GET", f"{self.api_url}{path}", params=params, accept="*/*")
        told = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if told in _NO_TEXTS:
            raise AnswerUnreadable(f"Webex sent {told} instead of a text")
        if len(response.content) > _MOST_TEXT_BYTES:
            raise AnswerUnreadable("Webex sent more than 64 MiB of text")
        return response.content

    def pages(self, path: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Every item of a list, over all pages; ``max`` None where Webex does not know it.

        Follows ``Link: rel="next"`` as it is, through empty pages (they may stand anywhere),
        until there is none; never to another host, never in a circle. A page that is answered
        504 is asked for again with half its ``max``, down to ten. Raises PartialList after
        the last item when Webex could not read some items itself.
        """
        url = f"{self.api_url}{path}"
        wanted: Mapping[str, Any] | None = {"max": PAGE_SIZE, **params}
        seen, unread = {url}, 0
        for _ in range(_MOST_PAGES):
            response = self._page(url, wanted)
            items = read_json(response).get("items")
            if not isinstance(items, list):
                raise AnswerUnreadable("Webex's list has no items")
            readable = [item for item in items if not _is_partial(item)]
            unread += len(items) - len(readable)
            yield from readable
            following = self._next(response, seen)
            if following is None:
                break
            url, wanted = following, None
        else:
            raise AnswerUnreadable(f"Webex's list has more than {_MOST_PAGES} pages")
        if unread:
            raise PartialList(f"Webex could not read {unread} item(s) of its list itself")

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """POST, PUT, PATCH or DELETE; never tried twice. An empty answer is an empty object."""
        response = self._ask(method, f"{self.api_url}{path}", json=body, content_type=content_type)
        return read_json(response) if response.content else {}

    def _page(self, url: str, wanted: Mapping[str, Any] | None) -> requests.Response:
        """One page; a smaller one where Webex takes too long for it, which is its own advice."""
        while True:
            try:
                return self._ask("GET", url, params=wanted)
            except WebexUnavailable as error:
                smaller = _smaller(url, wanted) if error.status == 504 else None
                if smaller is None:
                    raise
                url, wanted = smaller

    def _next(self, response: requests.Response, seen: set[str]) -> str | None:
        url = response.links.get("next", {}).get("url")
        if not url:
            return None
        # Webex once sent `max=null` in the next address (seen by the Python SDK).
        url = str(url).replace("max=null", f"max={PAGE_SIZE}")
        if _origin(url) != _origin(self.api_url):
            raise AnswerUnreadable("Webex's list goes on at another host; it was not followed")
        if url in seen:
            raise AnswerUnreadable("Webex's list goes round in a circle")
        seen.add(url)
        return url

    def _ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> requests.Response:
        headers = {"Accept": accept} | ({"Content-Type": content_type} if json is not None else {})

        def ask(token: str) -> requests.Response:
            return self._ask_once(method, url, token, params=params, json=json, headers=headers)

        def once() -> requests.Response:
            token = self._tokens.at_hand() or waited(self._tokens.current, self._before_request)
            try:
                return ask(token)
            except TokenRefused:
                # A 401 says that nothing was done: it is safe to send the same again.
                other = waited(partial(self._tokens.instead_of, token), self._before_request)
                if other is None:
                    raise
                return ask(other)

        if method != "GET":
            return once()
        return _patiently(once)

    def _ask_once(
        self,
        method: str,
        url: str,
        token: str,
        *,
        params: Mapping[str, Any] | None,
        json: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> requests.Response:
        self._before_request()
        self._gate.enter()
        try:
            response = self._answer(
                partial(
                    self._session().request,
                    method,
                    url,
                    params=params,
                    json=json,
                    headers=headers,
                    auth=partial(_authorize, token),
                    timeout=_TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # Their texts hold addresses, so only the kind of error is told.
            raise WebexUnavailable(f"Webex did not answer ({type(error).__name__})") from None
        except ValueError:
            # requests looks at the address of a redirect although it is not to follow it.
            raise AnswerUnreadable("Webex redirected an API request to no address") from None
        if response.is_redirect:
            raise AnswerUnreadable("Webex redirected an API request; it was not followed")
        try:
            raise_for_answer(response, self._clock())
        except WebexError as error:
            _note(error)
            if isinstance(error, RateLimited):
                error.retry_after_seconds = self._gate.close(error.retry_after_seconds)
            raise
        return response

    def _answer(self, ask: Callable[[], requests.Response]) -> requests.Response:
        def look() -> None:
            try:
                self._before_request()
            except BaseException:
                # Whoever asks next must not share a connection with the one that still waits.
                del self._sessions.session
                raise

        return waited(ask, look)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._sessions, "session", None)
        if session is None:
            session = requests.Session()
            session.headers["User-Agent"] = "webex-ingest"
            self._sessions.session = session
        return session


def _note(error: WebexError) -> None:
    """Log what Webex's support asks for; an old token, "not yet" and "later" are no case for it."""
    if error.status not in (401, 404, 429):
        log.warning("webex.refused", status=error.status, tracking_id=error.tracking_id)


def _authorize(token: str, request: requests.PreparedRequest) -> requests.PreparedRequest:
    if not _TOKEN.fullmatch(token):
        # requests would tell the token in its error.
        raise TokenRefused(
            "the access token has characters that no token has: set WEBEX_ACCESS_TOKEN again"
        )
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _origin(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.scheme, parts.netloc


def _smaller(
    url: str, wanted: Mapping[str, Any] | None
) -> tuple[str, Mapping[str, Any] | None] | None:
    """The same page with half of its ``max``, in whichever place that stands; None below ten."""
    told = _MAX.search(url)
    size = int((wanted.get("max") or 0) if wanted else told[2] if told else 0)
    if size <= _SMALLEST_PAGE:
        return None
    half = max(size // 2, _SMALLEST_PAGE)
    if wanted:
        return url, {**wanted, "max": half}
    return _MAX.sub(rf"\g<1>{half}", url, count=1), None


def _is_partial(item: Any) -> bool:
    # A per-item `errors` object means that Webex itself could not read the item now.
    return not isinstance(item, dict) or isinstance(item.get("errors"), dict)


def _patiently(ask: Callable[[], requests.Response]) -> requests.Response:
    retrying = tenacity.Retrying(
        # What Webex tells to wait for is nobody's to wait for here.
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, WebexUnavailable) and not error.retry_after_seconds
        ),
        stop=tenacity.stop_after_attempt(3) | tenacity.stop_after_delay(_PATIENCE_SECONDS),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=1),
        reraise=True,
    )
    return retrying(ask)
