"""Signing in at Webex with OAuth: the address of the consent, and pairs of tokens.

Login with Webex (developer.webex.com) describes the code flow with PKCE; neither ``/authorize``
nor ``/access_token`` stands in the published OpenAPI.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from app.errors import AnswerUnreadable, SignInRefused, TokenRefused, WebexError, WebexUnavailable
from app.models.times import Clock
from app.models.webex import TokenAnswer
from app.webex.answers import raise_for_answer, read_json, read_whole
from app.webex.waiting import waited

_TIMEOUT_SECONDS = (5, 20)
_LONGEST_SECONDS = 25
_MOST_BYTES = 1024 * 1024

SCOPES = (
    "spark:people_read",
    "meeting:schedules_read",
    "meeting:schedules_write",
    "meeting:recordings_read",
    "meeting:transcripts_read",
    "meeting:participants_read",
    "meeting:preferences_read",
    "meeting:summaries_read",
)
"""What an account needs that ingests its own meetings (Meetings guide, table of scopes)."""


@dataclass(frozen=True, slots=True)
class App:
    """An Integration or a Service App, as Webex knows it."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token and what fetches the next one; times are None where Webex tells none."""

    access_token: str
    access_expires_at: datetime | None
    refresh_token: str | None
    refresh_expires_at: datetime | None
    scopes: str | None

    def with_refresh_token(self, refresh_token: str) -> "TokenPair":
        """The pair with the refresh token that Webex left out, since it stays the same."""
        return replace(self, refresh_token=refresh_token)


@dataclass(frozen=True, slots=True)
class Consent:
    """One sign-in under way: what was sent to Webex, to be compared with what comes back."""

    app: App
    redirect_uri: str
    state: str
    verifier: str

    @classmethod
    def begin(cls, app: App, redirect_uri: str) -> "Consent":
        """A sign-in with secrets of its own."""
        return cls(app, redirect_uri, secrets.token_urlsafe(24), secrets.token_urlsafe(64))

    def address(self, api_url: str, scopes: tuple[str, ...]) -> str:
        """Where a person signs in and agrees, in a browser."""
        challenge = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "client_id": self.app.client_id,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(scopes),
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{api_url.rstrip('/')}/authorize?{urlencode(asked)}"

    def code_of(self, address: str) -> str:
        """The code in the address that Webex sent the browser back to; raises SignInRefused."""
        told = _told(address)
        state = told.get("state", [""])[0]
        if not secrets.compare_digest(state.encode(), self.state.encode()):
            raise SignInRefused("the answer belongs to another sign-in; begin again")
        if "error" in told:
            reason = told.get("error_description", told["error"])[0]
            raise SignInRefused(f"Webex did not grant it: {reason[:200]}")
        if "code" not in told:
            raise SignInRefused("the address has no code; copy all of it from the browser")
        return told["code"][0]


def redeem(api_url: str, consent: Consent, code: str, *, clock: Clock) -> TokenPair:
    """The first pair of tokens, for the code of a consent."""
    return _ask(
        api_url,
        consent.app,
        clock,
        grant_type="authorization_code",
        code=code,
        redirect_uri=consent.redirect_uri,
        code_verifier=consent.verifier,
    )


def renew(api_url: str, app: App, refresh_token: str, *, clock: Clock) -> TokenPair:
    """The next pair of tokens; the refresh token may be the same or another one.

    Never tried twice by itself: an answer that got lost may have replaced the refresh token.
    Raises TokenRefused when this one is over, and the WebexErrors of ``app.errors``.
    """
    return _ask(api_url, app, clock, grant_type="refresh_token", refresh_token=refresh_token)


def _told(address: str) -> dict[str, list[str]]:
    try:
        # What a terminal cannot read as text is no part of an answer.
        parts = urlsplit(address.encode(errors="replace").decode().strip())
        # A browser may leave out the scheme, but never the question.
        if not parts.netloc and not parts.query:
            raise ValueError
        return parse_qs(parts.query)
    except ValueError:
        raise SignInRefused(
            "that is no address; copy all of it from the browser's address bar"
        ) from None


def _ask(api_url: str, app: App, clock: Clock, **form: str) -> TokenPair:
    form |= {"client_id": app.client_id, "client_secret": app.client_secret}
    ask = partial(
        requests.post,
        f"{api_url.rstrip('/')}/access_token",
        data=form,
        headers={"Accept": "application/json"},
        # Otherwise a .netrc would add its own.
        auth=lambda request: request,
        timeout=_TIMEOUT_SECONDS,
        allow_redirects=False,
        stream=True,
    )
    try:
        # The time-outs above are of each read, and an answer may come byte by byte.
        response = waited(lambda: read_whole(ask(), _MOST_BYTES), most_seconds=_LONGEST_SECONDS)
    except (requests.RequestException, ValueError, TimeoutError) as error:
        # Their texts hold addresses, so only the kind of error is told.
        raise WebexUnavailable(f"Webex did not answer ({type(error).__name__})") from None
    if response.is_redirect:
        raise AnswerUnreadable("Webex redirected the request for a token; it was not followed")
    now = clock()
    try:
        raise_for_answer(response, now)
    except WebexError as error:
        if error.status in (400, 401, 403):
            raise TokenRefused(_refusal(error, form["grant_type"]), status=error.status) from None
        # What Webex says here may repeat what it was asked with.
        error.args = (f"Webex answered {error.status} instead of giving a token",)
        raise
    answer = TokenAnswer.read(read_json(response))
    return TokenPair(
        access_token=answer.access_token,
        access_expires_at=_in(answer.expires_in, now),
        refresh_token=answer.refresh_token,
        refresh_expires_at=_in(answer.refresh_token_expires_in, now),
        scopes=answer.scope,
    )


def _refusal(error: WebexError, grant_type: str) -> str:
    what = "the refresh token" if grant_type == "refresh_token" else "the sign-in"
    return f"Webex refuses {what} ({error.status}): sign in again with `webex-ingest login`"


def _in(seconds: int | None, now: datetime) -> datetime | None:
    if seconds is None:
        return None
    # Ten years are for ever; more would leave the calendar.
    return now + timedelta(seconds=min(max(seconds, 0), 10 * 366 * 86400))
