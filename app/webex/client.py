"""Requests to the Webex API: one token, one base address, pages followed to their end."""

import copy
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol, Self

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
from app.models.secrecy import secrets_in
from app.models.times import Clock
from app.webex.answers import raise_for_answer, read_json, read_whole
from app.webex.paging import PAGE_SIZE, Page, Walk, Wanted, is_partial, smaller
from app.webex.waiting import waited

log = structlog.get_logger()

_MOST_PAGES = 1000
# One request and its quick repetitions end well within a lease of thirty seconds.
_TIMEOUT_SECONDS = (5, 20)
_PATIENCE_SECONDS = 5
_NO_TEXTS = ("text/html", "application/xhtml+xml", "application/json")
_MOST_BYTES = 16 * 1024**2
_MOST_TEXT_BYTES = 64 * 1024**2
_TOKEN = re.compile(r"[!-~]+")


class Gate(Protocol):
    """Asked before each request; raises RateLimited when the budget is spent."""

    def enter(self) -> None:
        """Count one request."""

    def close(self, seconds: float | None) -> float:
        """Let nobody pass for so long, or as long as it thinks best; for how long it was."""

    def answered(self, status: int | None) -> None:
        """Note what came of a request that was let pass; None where nothing came."""


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
        self._wait: Callable[[float], object] | None = None
        self._sessions = threading.local()

    def accompanied_by(
        self, before_request: Callable[[], None], *, wait: Callable[[float], object] | None = None
    ) -> Self:
        """The same client, calling ``before_request`` before each request, as a heartbeat.

        While an answer is waited for it is called every half second; what it raises ends the wait.
        In the middle of a list ``wait`` waits until the budget of requests allows another page.
        """
        accompanied = copy.copy(self)
        accompanied._before_request = before_request
        accompanied._wait = wait
        return accompanied

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One JSON object."""
        return read_json(self._ask("GET", f"{self.api_url}{path}", params=params))

    def get_text(self, path: str, params: Mapping[str, Any] | None = None) -> bytes:
        """The bytes of a text of at most 64 MiB, as Webex sent them; never a page or a message."""
        response = self._ask(
            "GET",
            f"{self.api_url}{path}",
            params=params,
            accept="*/*",
            most_bytes=_MOST_TEXT_BYTES,
        )
        told = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if told in _NO_TEXTS:
            raise AnswerUnreadable(f"Webex sent {told} instead of a text")
        return response.content

    def pages(
        self, path: str, params: Mapping[str, Any], *, by_offset: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Every item of a list, over all pages; ``max`` None where Webex does not know it.

        Follows ``Link: rel="next"`` as it is, through empty pages (they may stand anywhere),
        until there is none; never to another host, never in a circle. With ``by_offset`` a list
        without such a link goes on by ``offset``, until a page brings nothing new. A page that is
        answered 504 is asked for again with half its ``max``, down to ten. Raises PartialList
        after the last item when Webex could not read some items itself.
        """
        page: Page = f"{self.api_url}{path}", {"max": PAGE_SIZE, **params}
        walk = Walk(self.api_url, page, by_offset=by_offset)
        unread = 0
        for _ in range(_MOST_PAGES):
            response, wanted = self._page(page)
            items = read_json(response).get("items")
            if not isinstance(items, list):
                raise AnswerUnreadable("Webex's list has no items")
            new = walk.new_of(items)
            readable = [item for item in new if not is_partial(item)]
            unread += len(new) - len(readable)
            yield from readable
            following = walk.following(response, wanted, is_new=bool(new))
            if following is None:
                break
            page = following
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

    def _page(self, page: Page) -> tuple[requests.Response, Wanted]:
        """One page; a smaller one where Webex takes too long for it, which is its own advice."""
        while True:
            url, wanted = page
            try:
                return self._ask("GET", url, params=wanted), wanted
            except RateLimited as error:
                # From the first page on again, a list of more pages than the budget never ends.
                if self._wait is None:
                    raise
                self._wait(error.retry_after_seconds or 1)
            except WebexUnavailable as error:
                less = smaller(page) if error.status == 504 else None
                if less is None:
                    raise
                page = less

    def _ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
        most_bytes: int = _MOST_BYTES,
    ) -> requests.Response:
        headers = {"Accept": accept} | ({"Content-Type": content_type} if json is not None else {})
        sent = {"params": params, "json": json, "headers": headers}

        def ask(token: str) -> requests.Response:
            return self._ask_once(method, url, token, most_bytes, **sent)

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
        most_bytes: int,
        **sent: Any,
    ) -> requests.Response:
        self._before_request()
        self._gate.enter()
        status = None
        try:
            response = self._answer(
                partial(
                    self._session().request,
                    method,
                    url,
                    **sent,
                    auth=partial(_authorize, token),
                    timeout=_TIMEOUT_SECONDS,
                    allow_redirects=False,
                    stream=True,
                ),
                most_bytes,
            )
            status = response.status_code
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # Their texts hold addresses, so only the kind of error is told.
            raise WebexUnavailable(f"Webex did not answer ({type(error).__name__})") from None
        except ValueError:
            # requests looks at the address of a redirect although it is not to follow it.
            raise AnswerUnreadable("Webex redirected an API request to no address") from None
        finally:
            self._gate.answered(status)
        if response.is_redirect:
            raise AnswerUnreadable("Webex redirected an API request; it was not followed")
        untold = [token, *secrets_in(sent.get("json") or {})]
        try:
            raise_for_answer(response, self._clock(), untold=untold)
        except WebexError as error:
            _note(error)
            if isinstance(error, RateLimited):
                error.retry_after_seconds = self._gate.close(error.retry_after_seconds)
            raise
        return response

    def _answer(self, ask: Callable[[], requests.Response], most_bytes: int) -> requests.Response:
        def look() -> None:
            try:
                self._before_request()
            except BaseException:
                # Whoever asks next must not share a connection with the one that still waits.
                del self._sessions.session
                raise

        return waited(lambda: read_whole(ask(), most_bytes), look)

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
